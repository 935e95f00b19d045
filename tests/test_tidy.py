"""Tidies the repository: what no other tool looks after, and what nobody remembers to look at."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

import stageauto

ROOT = Path(__file__).resolve().parent.parent
MADE = {"__pycache__", "build", "dist", "node_modules", "site"}
HIDDEN_BUT_OURS = {".ci", ".github"}
MOST_LINES = 600
TEXT = {".cfg", ".css", ".html", ".in", ".j2", ".json", ".lock", ".md", ".py", ".sh", ".sql", ".toml", ".txt"}
TEXT |= {".yaml", ".yml", ""}

# Written so that none of these patterns matches its own line.
NOT_FOR_OTHERS = {
    "a registry's host": r"py[p]i\.(?:org|python\.org)|python[h]osted\.org|npm[j]s\.(?:org|com)|[/.]deb[i]an\.org",
    "an index to install from": r"--(?:extra-)?index-[u]rl[ =]|--find-links[ =]\S|\bindex-url *=",
    "a folder of one machine": r"(?<![\w.~>}-])/(?:work|root|workspace)/\w|/home/[a-z]\w*/|/Users/\w|/opt/py[p]i",
}


def _files() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in sorted(folders) if _is_ours(name)]
        yield from (Path(folder, name) for name in sorted(names))


def _is_ours(folder: str) -> bool:
    return folder in HIDDEN_BUT_OURS or not (folder.startswith(".") or folder in MADE or folder.endswith(".egg-info"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _is_a_case(path: Path) -> bool:
    """A broken file that a test reads may be as untidy as it likes."""
    return "cases" in path.relative_to(ROOT).parts


FILES = [path for path in _files() if path.suffix in TEXT]
SOURCES = [path for path in FILES if path.suffix == ".py" and not _is_a_case(path)]
PACKAGE = [path for path in SOURCES if path.is_relative_to(ROOT / "stageauto")]
TESTS = [path for path in SOURCES if path.is_relative_to(ROOT / "tests")]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_walk_sees_the_sources() -> None:
    assert ROOT / "stageauto" / "__init__.py" in PACKAGE
    assert Path(__file__).resolve() in TESTS
    assert ROOT / "Makefile" in FILES
    assert ROOT / ".ci" / "run" in FILES


@pytest.mark.parametrize("what", NOT_FOR_OTHERS)
def test_no_file_names_what_only_one_machine_has(what: str) -> None:
    pattern = re.compile(NOT_FOR_OTHERS[what])
    found = []
    for path in FILES:
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{_name(path)}:{_line(text, hit.start())}: {hit.group()}" for hit in pattern.finditer(text)]
    assert not found, f"{what} is of no use to others:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a registry's host", "https://" + "pypi" + ".org/simple"),
        ("an index to install from", "--index-" + "url https://example.com"),
        ("a folder of one machine", "see /" + "work/main/notes"),
        ("a folder of one machine", "/" + "home/anna/stageauto"),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, text: str) -> None:
    assert re.search(NOT_FOR_OTHERS[what], text)


def test_every_module_says_what_it_is_for() -> None:
    silent = [_name(path) for path, tree in TREES.items() if not ast.get_docstring(tree)]
    assert not silent, f"without a docstring: {silent}"


def test_every_folder_of_the_package_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE}
    bare = [_name(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()]
    assert not bare, f"without an __init__.py: {bare}"


def test_only_reports_and_commands_print() -> None:
    found = []
    for path in PACKAGE:
        if path.relative_to(ROOT / "stageauto").parts[0] in {"report", "cli", "cli.py"}:
            continue
        calls = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.Call)]
        found += [f"{_name(path)}:{call.lineno}" for call in calls if _prints(call)]
    assert not found, f"results are given back and printed by stageauto.report: {found}"


def _prints(call: ast.Call) -> bool:
    return ast.unparse(call.func) in {"print", "sys.stdout.write", "sys.stderr.write"}


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X]|NotImplemented[E]rror)\b")
    found = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        found += [f"{_name(path)}:{_line(text, hit.start())}: {hit.group()}" for hit in later.finditer(text)]
    assert not found, "\n".join(found)


def test_the_names_of_tests_read_like_sentences() -> None:
    sentence = re.compile(r"test(?:_[a-z0-9]+){3,}")
    short = []
    for path in TESTS:
        names = [
            node.name for node in ast.walk(TREES[path]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        short += [f"{_name(path)}: {n}" for n in names if n.startswith("test") and not sentence.fullmatch(n)]
    assert not short, "say in small words, at least three, what holds:\n" + "\n".join(short)


def test_no_test_is_hidden_by_another_of_the_same_name() -> None:
    hidden = []
    for path in TESTS:
        for scope in ast.walk(TREES[path]):
            if isinstance(scope, ast.Module | ast.ClassDef):
                names = [node.name for node in scope.body if isinstance(node, ast.FunctionDef)]
                hidden += [f"{_name(path)}: {name}" for name in set(names) if names.count(name) > 1 and "test" in name]
    assert not hidden, f"defined twice: {hidden}"


def test_tests_use_real_things_and_no_mocks() -> None:
    found = []
    for path in TESTS:
        for node in ast.walk(TREES[path]):
            imported = ast.unparse(node) if isinstance(node, ast.Import | ast.ImportFrom) else ""
            if re.search(r"\bmock\b|\bpytest_mock\b", imported):
                found.append(f"{_name(path)}: {imported}")
    assert not found, f"real SQLite, real servers on loopback: {found}"


def test_no_source_is_longer_than_one_can_read() -> None:
    lengths = {_name(path): path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    long = {name: lines for name, lines in lengths.items() if lines > MOST_LINES}
    assert not long, f"more than {MOST_LINES} lines: {long}"


def test_text_has_no_tabs_and_ends_with_one_newline() -> None:
    untidy = []
    for path in FILES:
        if _is_a_case(path) or path.name == "Makefile":
            continue
        text = path.read_bytes().decode("utf-8")
        if "\t" in text or "\r" in text:
            untidy.append(f"{_name(path)}: a tab or a carriage return")
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            untidy.append(f"{_name(path)}: does not end with one newline")
    assert not untidy, "\n".join(untidy)


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings, "no headings like `## [Unreleased]`"
    assert headings[0] == "Unreleased"


def test_the_licence_is_there_and_is_the_one_that_is_named() -> None:
    assert PROJECT["project"]["license"] == "MIT"
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith("MIT License\n")
    assert "The stageauto authors" in licence


def test_the_version_is_the_same_wherever_it_stands() -> None:
    assert PROJECT["project"]["version"] == stageauto.__version__


def test_the_lock_pins_every_dependency_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-zA-Z])", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE))
    loose = [entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
    assert not loose, f"not pinned or without a hash: {loose}"

    wanted = [*PROJECT["project"]["dependencies"], *chain.from_iterable(PROJECT["dependency-groups"].values())]
    names = {_normal(re.split(r"[^\w.-]", one, maxsplit=1)[0]) for one in wanted}
    locked = {_normal(entry.split("==")[0]) for entry in entries}
    assert names <= locked, f"not in the lock, `make lock`: {sorted(names - locked)}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for path in FILES:
        if path.suffix != ".md":
            continue
        targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
        missing = [one for one in targets if not (path.parent / one).exists() and not _is_generated(path.parent / one)]
        broken += [f"{_name(path)}: {one}" for one in missing]
    assert not broken, "\n".join(broken)


def _is_generated(target: Path) -> bool:
    """The reference pages that `make docs` writes are not kept."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    return "/" + os.path.relpath(target, ROOT) in ignored
