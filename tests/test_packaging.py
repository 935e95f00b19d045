"""What people install: the wheel carries the schemas and the examples, and nothing that a workspace remembers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stageauto.resources import MissingDataError, data

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["stageauto", "schemas", "examples"]
FILES = ["pyproject.toml", ".gitignore", "README.md", "LICENSE", "CHANGELOG.md"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built beside a workspace that was in use."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in filter(lambda name: (ROOT / name).is_dir(), FOLDERS):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns(".stageauto", "__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    (copy / "examples" / ".stageauto" / "outbox").mkdir(parents=True)
    (copy / "examples" / "kept.yaml").write_text("kept: true\n")
    (copy / "examples" / ".stageauto" / "state.db").write_text("a customer's data")
    (copy / "examples" / ".stageauto" / "outbox" / "1.eml").write_text("a customer's mail")
    (copy / "examples" / ".env").write_text("SMTP_PASSWORD=secret\n")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", "dist", "."]
    built = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=300)
    assert built.returncode == 0, built.stderr + built.stdout
    (made,) = (copy / "dist").glob("*.whl")
    return made


def test_a_wheel_carries_the_schemas_and_the_examples(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "stageauto/_data/examples/kept.yaml" in names
    assert any(name.startswith("stageauto/_data/schemas/") for name in names)
    assert "stageauto/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_a_wheel_never_carries_state_or_secrets(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if ".stageauto" in name or name.endswith(".env")]
    assert {name.split("/")[0].split("-")[0] for name in names} == {"stageauto"}


def test_an_installed_package_finds_its_data_inside_itself(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = "from stageauto.resources import data; print(data('examples/kept.yaml'))"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=180
    )
    assert Path(found.stdout.strip()) == tmp_path / "stageauto" / "_data" / "examples" / "kept.yaml"


def test_a_checkout_finds_its_data_beside_the_package() -> None:
    assert data("schemas") == ROOT / "schemas"


def test_a_file_that_is_missing_is_named_with_the_way_out() -> None:
    with pytest.raises(MissingDataError, match=r"schemas/none\.json.*install stageauto again"):
        data("schemas/none.json")
