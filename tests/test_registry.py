"""Kinds are found by name, and only those that are asked for are imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stageauto import registry


def imported_after(statement: str) -> set[str]:
    """The modules that a new Python has after that statement."""
    code = f"import sys; from stageauto import registry; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("package", "asked", "other"), [("actions", "wait", "send_email"), ("channels", "file", "smtp")]
)
def test_asking_for_one_kind_imports_no_other(package: str, asked: str, other: str) -> None:
    modules = imported_after(f"registry.{package}()[{asked!r}]")
    assert f"stageauto.{package}.{asked}" in modules
    assert f"stageauto.{package}.{other}" not in modules


@pytest.mark.parametrize("package", ["actions", "channels"])
def test_a_kind_that_is_asked_for_is_the_one_that_is_listed(package: str) -> None:
    kinds = getattr(registry, package)()
    assert {name: kinds[name] for name in kinds} == dict(kinds.items())
    assert len(kinds) == len(set(kinds.values()))


def test_every_action_is_in_a_module_of_its_name() -> None:
    assert {name: kind.__module__ for name, kind in registry.actions().items()} == {
        name: f"stageauto.actions.{name}" for name in registry.actions()
    }


@pytest.mark.parametrize("name", ["", "nothing", "_recipients", "__init__", "../wait", "wait.kind", "Wait"])
def test_there_is_no_kind_of_a_name_that_nobody_gave(name: str) -> None:
    assert registry.actions().get(name) is None
    assert name not in registry.channels()


def test_a_module_without_a_kind_of_its_own_name_hides_no_other() -> None:
    assert "base" not in registry.channels()
    assert "smtp" in registry.channels()
