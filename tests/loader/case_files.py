"""The cases of the loader: a folder holds the files that differ from `cases/base`, and what is expected of the whole.

`without.txt` names files of the base that the case does not have; below `installed/` lie packages it has installed.

`python -m tests.loader.case_files KIND CASE...` writes what the loader says of these now; read the difference
before you keep it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stageauto.loader.files import file_finder, read_files, read_scenarios
from stageauto.loader.load import Loaded, load

CASES = Path(__file__).parent / "cases"
BASE = CASES / "base"
CANARY = "canary-7f3a-never-shown"
ENV = {"ERP_SECRET": CANARY}
NOW = 1_772_442_000_000  # 2026-03-02 10:00 in Warsaw
PLAIN = "stageauto: 1\ntimezone: Europe/Warsaw\n"
SHOWN = ("code", "severity", "file", "line", "column", "path", "message", "hint")


def folders(kind: str) -> list[Path]:
    """The folders of the cases of that kind."""
    return sorted(path for path in (CASES / kind).iterdir() if path.is_dir())


def loaded(folder: Path) -> Loaded:
    """What the loader makes of the base workspace with the case's files over it."""
    files = {**read_files(BASE), **read_files(folder)}
    if (left_out := folder / "without.txt").is_file():
        for name in left_out.read_text(encoding="utf-8").split():
            del files[name]
    with _installed(folder / "installed"):
        return load(files, env=ENV, now=NOW, scenarios=read_scenarios(folder), files_present=file_finder(folder))


def linted(folder: Path) -> Loaded:
    """What the loader and the lint make of a case of the lint; below `before/` lies the active version."""
    files = {"stageauto.yaml": PLAIN, **read_files(folder)}
    return load(files, env=ENV, now=NOW, scenarios=read_scenarios(folder), lint=read_files(folder / "before"))


@contextmanager
def _installed(site: Path) -> Iterator[None]:
    """Makes the packages there importable, as in the site-packages of an environment."""
    if not site.is_dir():
        yield
        return
    sys.path.append(str(site))
    try:
        yield
    finally:
        sys.path.remove(str(site))


def said(folder: Path, load: Callable[[Path], Loaded] = loaded) -> list[dict[str, object]]:
    """The diagnostics as they are kept."""
    return [{name: getattr(one, name) for name in SHOWN} for one in load(folder).diagnostics]


def main(kind: str, *names: str) -> None:
    """Writes the `expected.json` of these cases of a kind, and of no other: those of others are theirs to look at."""
    for name in names:
        folder = CASES / kind / name
        text = json.dumps(said(folder, linted if kind == "lint" else loaded), indent=1, ensure_ascii=False)
        (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
