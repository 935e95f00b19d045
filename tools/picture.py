"""Draws what a command shows on a terminal as an SVG: python tools/picture.py OUT.svg COLUMNS COMMAND [ARG ...]."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

# The picture must not fetch a font from somewhere when it is looked at.
FORMAT = re.sub(r"@font-face\s*\{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code, monospace", "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
)


def shown(command: list[str], columns: int) -> str:
    """What the command writes to a terminal of that width, with its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment)
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    process.wait()
    os.close(ours)
    return b"".join(parts).decode("utf-8", "replace").replace("\r\n", "\n")


def main(out: str, columns: str, command: list[str]) -> None:
    """Runs the command and writes the picture."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=int(columns), file=nowhere)
        console.print(Text.from_ansi(f"$ {' '.join(['stageauto', *command[1:]])}"), style="bold")
        console.print(Text.from_ansi(shown(command, int(columns))))
    console.save_svg(out, title="stageauto", code_format=FORMAT)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
