"""Simulates every scenario of the folders named and prints all of it: the timeline as text and as JSON.

A program of its own, so that a test can run it in processes whose hashes are salted differently.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from stageauto.cli import main


def everything(folders: Sequence[str]) -> None:
    """Prints, for each scenario, its name, its two forms, and the exit code of each."""
    for folder in map(Path, folders):
        for path in sorted((folder / "scenarios").glob("*.yaml")):
            for form in ([], ["--json"]):
                sys.stdout.write(f"== {folder.name}/{path.stem} {' '.join(form)}\n")
                code = main(["-C", str(folder), "simulate", path.stem, "--no-color", *form])
                sys.stdout.write(f"-- {code}\n")


if __name__ == "__main__":
    everything(sys.argv[1:])
