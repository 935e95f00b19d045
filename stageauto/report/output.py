"""Where results and notes go: results to stdout, everything else to stderr, with `--json` one document and no more.

With `--json` an error is the document too: `{"error": {"message", "hint", "code"}}`, `code` being the exit code; its
text goes to stderr all the same. Tables have lines and colours only on a terminal; elsewhere they are aligned text.
"""

from __future__ import annotations

import json as _json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from stageauto.report.tables import Table, plain, safe

Text = Iterable[str | Table]


class EnoughError(Exception):
    """Whoever reads the results has closed the pipe, as `head` does when it has its lines."""


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
        _print(dumps(data), sys.stdout, flush=True)

    def line(self, text: str = "", *, flush: bool = False) -> None:
        """A line of the result, as it is."""
        _print(_fit(text, sys.stdout), sys.stdout, flush=flush)

    def text(self, text: str) -> None:
        """A whole file as the result, with its own ends of lines, in UTF-8 whatever stdout has."""
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode("utf-8", "replace"))
            sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            raise EnoughError from error

    def _table(self, table: Table) -> None:
        if not table.rows:
            self.note(table.empty)
        elif self.terminal:
            from stageauto.report.terminal import show_table

            show_table(table, color=self.colored())
        else:
            for line in plain(table):
                self.line(line)

    # -- beside the results -------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Progress, or something to know; to stderr, left out with `--quiet`."""
        if text and not self.quiet:
            self.hint(safe(text))

    def hint(self, text: str) -> None:
        """Text for stderr, as it is."""
        _print(_fit(text, sys.stderr), sys.stderr)

    def error(self, message: str, hint: str, code: int) -> None:
        """An error, with the way out."""
        red, off = ("\033[31m", "\033[0m") if self.colored(sys.stderr) else ("", "")
        self.hint(f"{red}error:{off} {safe(message, keep_lines=True)}")
        if hint:
            self.hint(f"  {safe(hint, keep_lines=True)}")
        if self.json:
            self.document({"error": {"message": message, "hint": hint, "code": code}})


def _print(text: str, stream: TextIO, *, flush: bool = False) -> None:
    try:
        print(text, file=stream, flush=flush)
    except BrokenPipeError as error:
        raise EnoughError from error


def dumps(data: Any, *, indent: int | None = None) -> str:
    """JSON text that every encoding of stdout can show."""
    encoding = (sys.stdout.encoding or "ascii").replace("-", "").casefold()
    return _json.dumps(data, ensure_ascii=encoding != "utf8", indent=indent, allow_nan=False).translate(_SURROGATES)


_SURROGATES = {code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)}


def _fit(text: str, stream: TextIO) -> str:
    """The text in letters that the stream's encoding has."""
    encoding = stream.encoding or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)
