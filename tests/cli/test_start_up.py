"""Only what a call needs is made ready, and nobody sees a difference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stageauto.cli import build

_CALL = "import sys; from stageauto.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"


def names_listed(help_text: str) -> list[str]:
    """The first word of each line below "Commands:"."""
    below = help_text.split("\nCommands:\n")[1].split("\n\n", maxsplit=1)[0]
    return [line.split()[0] for line in below.splitlines() if line[2] != " "]


def imported_by(*arguments: str) -> set[str]:
    """The modules that a process has after this command."""
    done = subprocess.run([sys.executable, "-c", _CALL, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("--help", "items"), ("-C", "items", "--help", "run")])
def test_the_help_of_all_lists_every_command_and_group(anywhere, arguments: tuple[str, ...]):
    app = build()
    shown = anywhere(*arguments)
    listed = names_listed(shown.out + shown.err)
    commands, groups = app.registered_commands, app.registered_groups
    assert listed == [*(one.name for one in commands), *(one.name for one in groups)]


def test_the_list_says_of_each_command_what_its_own_help_says(anywhere):
    listed = anywhere("--help").out
    for name in ("validate", "items", "feed", "channels"):
        line = next(one for one in listed.splitlines() if one.strip().startswith(f"{name} "))
        sentence = line.split(maxsplit=1)[1].removesuffix(".")
        assert sentence in " ".join(anywhere(name, "--help").out.split())


def test_a_command_that_does_not_exist_is_told_apart_from_those_that_do(anywhere):
    for word, meant in (("itmes", "items"), ("fed", "feed"), ("validat", "validate")):
        wrong = anywhere(word)
        assert wrong.code == 2
        assert f"'{meant}'" in wrong.err


def test_validate_imports_only_the_kinds_that_the_files_name(tmp_path: Path):
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "stageauto.yaml").write_text("stageauto: 1\ntimezone: UTC\n", encoding="utf-8")
    (tmp_path / "pipelines" / "p.yaml").write_text(
        "pipeline: p\nname: P\nstages:\n  - id: s\n    rules:\n"
        "      - {id: r, do: add_log_entry, with: {text: Hello}}\n",
        encoding="utf-8",
    )
    imported = imported_by("-C", str(tmp_path), "validate")
    assert "stageauto.actions.add_log_entry" in imported
    assert not {"stageauto.actions.send_email", "stageauto.channels.smtp", "stageauto.loader.scenarios"} & imported
