"""The cases of the loader: a folder holds the files that differ from `cases/base`, and what is expected of the whole.

`python -m tests.loader.case_files` writes what the loader says now; read the difference before you keep it.
"""

from __future__ import annotations

import json
from pathlib import Path

from stageauto.loader.files import file_finder, read_files, read_scenarios
from stageauto.loader.load import Loaded, load

CASES = Path(__file__).parent / "cases"
BASE = CASES / "base"
CANARY = "canary-7f3a-never-shown"
ENV = {"ERP_SECRET": CANARY}
NOW = 1_772_442_000_000  # 2026-03-02 10:00 in Warsaw
SHOWN = ("code", "severity", "file", "line", "column", "path", "message", "hint")


def folders(kind: str) -> list[Path]:
    """The folders of the cases of that kind."""
    return sorted(path for path in (CASES / kind).iterdir() if path.is_dir())


def loaded(folder: Path) -> Loaded:
    """What the loader makes of the base workspace with the case's files over it."""
    files = {**read_files(BASE), **read_files(folder)}
    return load(files, env=ENV, now=NOW, scenarios=read_scenarios(folder), files_present=file_finder(folder))


def said(folder: Path) -> list[dict[str, object]]:
    """The diagnostics as they are kept."""
    return [{name: getattr(one, name) for name in SHOWN} for one in loaded(folder).diagnostics]


def main() -> None:
    """Writes every `expected.json`."""
    for folder in folders("invalid"):
        text = json.dumps(said(folder), indent=1, ensure_ascii=False)
        (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
