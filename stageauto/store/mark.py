"""The high-water mark beside a state: how far it had come, and in which file.

A state that is behind its mark, or in another file than the one its mark names, was restored or copied: what it
believes still to be sent may have been sent long ago. The mark is raised after every commit without waiting for the
disk: it survives the process, and after a power cut it is at most behind, which is the harmless side.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LINE = "stageauto {inode:020d} {entries:020d} {journal:020d}\n"
_NOTES_AT = len(_LINE.format(inode=0, entries=0, journal=0))
_JOURNAL_AT = _NOTES_AT - 21
_ENTRIES_AT = _JOURNAL_AT - 21


@dataclass(frozen=True, slots=True)
class Height:
    """The newest line of the timeline and the newest event."""

    entries: int = 0
    journal: int = 0


class Mark:
    """The mark of one state, kept open for writing."""

    def __init__(self, state: str | os.PathLike[str]) -> None:
        self.path = Path(f"{os.fspath(state)}.mark")
        self._fd: int | None = None

    @property
    def fd(self) -> int | None:
        """The open file, for the queue of writers; None while it is only read."""
        return self._fd

    def read(self) -> tuple[int, Height] | None:
        """(inode of the state's file, how far it had come); None where there is no mark or none that can be read."""
        try:
            text = self.path.read_text(encoding="ascii", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            _, inode, entries, journal = text[:_NOTES_AT].split()
            return int(inode), Height(int(entries), int(journal))
        except ValueError:
            return None

    def adopt(self, inode: int, height: Height | None) -> None:
        """From now on the mark speaks of this file; None leaves it as high as it is."""
        if self._fd is None:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.fchmod(self._fd, 0o600)
        if height is not None:
            line = _LINE.format(inode=inode, entries=height.entries, journal=height.journal)
            os.pwrite(self._fd, line.encode(), 0)

    def rise(self, entries: int | None, journal: int | None) -> None:
        """Notes how far the state has come; None = that did not change."""
        if self._fd is None:
            return
        if entries is not None and journal is not None:
            os.pwrite(self._fd, b"%020d %020d" % (entries, journal), _ENTRIES_AT)
        else:
            if entries is not None:
                os.pwrite(self._fd, b"%020d" % entries, _ENTRIES_AT)
            if journal is not None:
                os.pwrite(self._fd, b"%020d" % journal, _JOURNAL_AT)

    def notes(self) -> dict[str, Any]:
        """What else is written there: the newest backup (`backup`, `backup_at`)."""
        try:
            found = json.loads(self.path.read_bytes()[_NOTES_AT:])
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def note(self, **values: Any) -> None:
        """Adds to the notes."""
        if self._fd is not None:
            text = json.dumps(self.notes() | values).encode() + b"\n"
            os.ftruncate(self._fd, _NOTES_AT)
            os.pwrite(self._fd, text, _NOTES_AT)

    def close(self) -> None:
        """Lets go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
