"""Which files of a workspace changed since they were looked at last, so that what they touch is tested again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stageauto.runner.clock import wait

PAUSE = 250
"""Milliseconds between two looks at the files."""
_FOLDERS = ("pipelines", "scenarios", "templates", "calendars")

Seen = Mapping[Path, tuple[int, int]]


def seen(root: Path, more: Sequence[str] = ()) -> Seen:
    """(when it was written last in ns, size) of each file that a test may read; `more`: scenarios elsewhere."""
    found = {}
    for path in _files(root, more):
        try:
            told = path.stat()
        except OSError:
            continue  # gone between two looks
        found[path] = (told.st_mtime_ns, told.st_size)
    return found


def _files(root: Path, more: Sequence[str]) -> Iterator[Path]:
    yield root / ".env"
    yield root / "stageauto.yaml"
    yield from root.glob("*.ics")
    for folder in (*(root / name for name in _FOLDERS), *map(Path, more)):
        if folder.is_file():
            yield folder.resolve()
        for here, _, names in os.walk(folder):
            yield from (Path(here, name).resolve() for name in names)


def changed(before: Seen, now: Seen) -> set[Path]:
    """What was written, made or deleted in between."""
    return {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}


def next_change(root: Path, more: Sequence[str], before: Seen) -> tuple[Seen, set[Path]]:
    """Waits until a file changed; what was seen then, and which ones. Waits on while they are still being written."""
    never = threading.Event()
    last = before
    while True:
        wait(never, PAUSE)
        now = seen(root, more)
        if now == last and (found := changed(before, now)):
            return now, found
        last = now


def touched(root: Path, files: set[Path], wanted: Sequence[str]) -> Sequence[str]:
    """The scenarios to run again: those that changed where nothing else did, else all that are wanted."""
    scenarios = (root / "scenarios").resolve()
    theirs = [one for one in sorted(files) if one.is_relative_to(scenarios) and one.suffix in {".yaml", ".yml"}]
    if len(theirs) == len(files) and all(one.is_file() for one in theirs) and not wanted:
        return [str(one) for one in theirs]
    return wanted
