"""docs/a-real-year.md: all its commands work, in their order, on the excerpt of the data that it tells of."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "a-real-year.md").read_text("utf-8")
DATA = Path(__file__).parent / "data"
BLOCK = re.compile(r"```(yaml|console)\n(.*?)```", re.DOTALL)
PIPELINE = Path("pipelines/sales.yaml")
TITLE = re.compile(r"[A-Z][A-Z ]+")
BETTER = re.compile(r"      - id: nudge\n.*?(?=  - id: won)", re.DOTALL)


def blocks() -> Iterator[tuple[str, str, str]]:
    """Kind, text, and the last file that was named before it."""
    for found in BLOCK.finditer(PAGE):
        named = re.findall(r"`([\w/]+\.yaml)`", PAGE[: found.start()])
        yield found[1], found[2], named[-1] if named else ""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipelines").mkdir()
    shutil.copy(DATA / "crm_excerpt.csv", tmp_path / "sales_pipeline.csv")
    shutil.copy(DATA / "crm_teams_excerpt.csv", tmp_path / "sales_teams.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_real_year_work(folder: Path, anywhere) -> None:
    ran = []
    for kind, text, name in blocks():
        if kind == "yaml":
            write(folder / name, text)
        elif "<<'END'" in text:
            script = text.removeprefix("$ ").replace("python3", shlex.quote(sys.executable), 1)
            subprocess.run(["/bin/sh", "-c", script], cwd=folder, check=True)
        else:
            command, _, shown = text.replace("\\\n", " ").partition("\n")
            words = shlex.split(command)[2:]
            ran.append(words[0])
            if "tell-manager" in words:
                # What the page tells of in passing: it was loaded so all the same.
                assert anywhere("load", "--yes", *words[1:], "--as", "dustin-brinkmann").code == 0
            done = anywhere(*words, *(() if words[0] == "load" and len(ran) == 1 else ("--as", "dustin-brinkmann")))
            assert done.code == 0, (command, done.err)
            assert headings(shown) <= headings(done.out), command
    assert ran == [
        "load", "import", "backtest", "backtest", "plan", "outlook", "plan", "load", "explain", "explain", "stats",
        "stats",
    ]  # fmt: skip
    assert "<h2>By responsible</h2>" in (folder / "figures.html").read_text("utf-8")


def write(path: Path, text: str) -> None:
    """The file; a list of rules takes the place of those that were there."""
    if text.startswith("- id: nudge"):
        text, found = BETTER.subn(textwrap.indent(text, " " * 6), path.read_text("utf-8"))
        assert found == 1
    path.write_text(text, "utf-8")


def headings(text: str) -> set[str]:
    """The columns of the tables in it."""
    return {word for line in text.splitlines() if TITLE.fullmatch(line) for word in re.split(r"\s{2,}", line.strip())}


def test_the_better_rules_of_the_page_are_the_only_change_that_plan_shows(folder: Path, anywhere) -> None:
    """The plan that is printed there names each word that differs between its two sets of rules."""
    texts = [text for kind, text, name in blocks() if kind == "yaml" and name == PIPELINE.as_posix()]
    (folder / "stageauto.yaml").write_text(
        'stageauto: 1\ntimezone: America/New_York\ncalendars: {working: {daily: "09:00-17:00"}}\n', "utf-8"
    )
    write(folder / PIPELINE, texts[0])
    assert anywhere("load").code == 0
    write(folder / PIPELINE, texts[1])
    said = anywhere("plan").out
    changes = said[: said.index("when.delay: 60d")]
    assert changes in PAGE
