"""Where results and notes go: results to stdout, everything else to stderr, with `--json` one document and no more.

With `--json` an error is the document too: `{"error": {"message", "hint", "code"}}`, `code` being the exit code; its
text goes to stderr all the same. Tables have lines and colours only on a terminal; elsewhere they are aligned text.
"""

from __future__ import annotations

import json as _json
import os
import select
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from stageauto.errors import StageautoError
from stageauto.report.tables import Table, plain, safe

Text = Iterable[str | Table]


class EnoughError(Exception):
    """Whoever reads the results has closed the pipe, as `head` does when it has its lines."""


class UnwritableError(StageautoError):
    """The results cannot be written: the disk is full that they should go to."""


class Output:
    """The two streams of a command. `color`: None = on a terminal, and where NO_COLOR is not set."""

    def __init__(self, *, json: bool = False, quiet: bool = False, color: bool | None = None) -> None:
        self.json = json
        self.quiet = quiet
        self._color = color

    @property
    def terminal(self) -> bool:
        """True where a person looks at the results."""
        return sys.stdout.isatty()

    def abandoned(self) -> bool:
        """True where nobody reads the results any more: a pipe that was closed on the other side."""
        stdout = select.poll()
        stdout.register(sys.stdout.fileno(), 0)
        return any(seen & (select.POLLERR | select.POLLHUP) for _, seen in stdout.poll(0))

    def colored(self, stream: TextIO | None = None) -> bool:
        """True where colours may be used on that stream (default: stdout)."""
        if self._color is False or os.environ.get("NO_COLOR"):
            return False
        return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"

    # -- results ------------------------------------------------------------------------------------------------------

    def show(self, data: Callable[[], Any], text: Callable[[], Text]) -> None:
        """A result: `data` is the JSON document, `text` what people read (tables, and lines that are safe already)."""
        if self.json:
            self.document(data())
            return
        for piece in text():
            self._table(piece) if isinstance(piece, Table) else self.line(piece)

    def done(self, data: Callable[[], Any], sentence: str) -> None:
        """The result of a change: the JSON document, or one sentence, which `--quiet` leaves out."""
        if self.json:
            self.document(data())
        elif not self.quiet:
            self.line(safe(sentence))

    def document(self, data: Any) -> None:
        """One JSON document."""
        self.line(dumps(data, indent=2 if self.terminal else None))

    def record(self, data: Any) -> None:
        """One JSON object on a line of its own, written at once."""
        _print(dumps(data), flush=True)

    def line(self, text: str = "", *, flush: bool = False) -> None:
        """A line of the result, as it is."""
        _print(_fit(text, sys.stdout), flush=flush)

    def text(self, text: str) -> None:
        """A whole file as the result, with its own ends of lines, in UTF-8 whatever stdout has."""
        with writing():
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode("utf-8", "replace"))
            sys.stdout.buffer.flush()

    def _table(self, table: Table) -> None:
        if not table.rows:
            self.note(table.empty)
        elif self.terminal:
            from stageauto.report.terminal import laid_out

            for line in laid_out(table, wide=shutil.get_terminal_size().columns, color=self.colored()):
                self.line(line)
        else:
            for line in plain(table):
                self.line(line)

    # -- beside the results -------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Progress, or something to know; to stderr, left out with `--quiet`."""
        if text and not self.quiet:
            self.hint(safe(text))

    def hint(self, text: str) -> None:
        """Text for stderr, as it is. Where nobody takes it, it is lost: the results count."""
        with suppress(OSError):
            print(_fit(text, sys.stderr), file=sys.stderr)

    def error(self, message: str, hint: str, code: int) -> None:
        """An error, with the way out."""
        red, off = ("\033[31m", "\033[0m") if self.colored(sys.stderr) else ("", "")
        self.hint(f"{red}error:{off} {safe(message, keep_lines=True)}")
        if hint:
            self.hint(f"  {safe(hint, keep_lines=True)}")
        if self.json:
            self.document({"error": {"message": message, "hint": hint, "code": code}})


@contextmanager
def writing() -> Iterator[None]:
    """What goes wrong with stdout within it. Raises EnoughError, UnwritableError."""
    try:
        yield
    except BrokenPipeError as error:
        raise EnoughError from error
    except OSError as error:
        raise UnwritableError(
            f"the results cannot be written: {error.strerror}", "make room, or send them elsewhere"
        ) from error


def open_streams() -> None:
    """Puts /dev/null where stdin, stdout or stderr is closed: else the next file has its number, and is written to."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 for as long as we live


def close_stdout() -> None:
    """Lets go what could not be written, so that nothing tries again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _print(text: str, *, flush: bool = False) -> None:
    with writing():
        print(text, flush=flush)


def dumps(data: Any, *, indent: int | None = None) -> str:
    """JSON text that every encoding of stdout can show."""
    encoding = (sys.stdout.encoding or "ascii").replace("-", "").casefold()
    return _json.dumps(data, ensure_ascii=encoding != "utf8", indent=indent, allow_nan=False).translate(_SURROGATES)


_SURROGATES = {code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)}


_PLAIN = {"✓": "+", "✗": "x", "○": "o", "\u2013": "-", "…": ".", "·": ".", "→": ">", "█": "#", "│": "|", "─": "-"}
"""Our own signs where an encoding lacks them, as wide as they are."""


def _fit(text: str, stream: TextIO) -> str:
    """The text in letters that the stream's encoding has: our own signs by plainer ones, others by their number."""
    encoding = stream.encoding or "ascii"
    try:
        return text.encode(encoding).decode(encoding)
    except UnicodeEncodeError:
        fitting = "".join(_PLAIN.get(one, one) if not _has(encoding, one) else one for one in text)
        return fitting.encode(encoding, "backslashreplace").decode(encoding)


def _has(encoding: str, letter: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
