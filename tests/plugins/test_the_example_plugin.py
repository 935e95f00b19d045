"""`examples/plugin`, installed as people install it, in workspaces that name it and in one that does not."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).resolve().parents[2] / "examples" / "plugin"
TWICE = """\
[stageauto.actions]
print_label = acme_twice:PrintLabel
"""


class Printer(socketserver.ThreadingTCPServer):
    """A label printer on loopback that keeps what it prints."""

    daemon_threads = True

    def __init__(self) -> None:
        self.printed: list[str] = []
        super().__init__(("127.0.0.1", 0), _Job)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


class _Job(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Printer)
        self.server.printed.append(self.rfile.read().decode())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with the plugin in it, built from a copy."""
    copy, site = tmp_path_factory.mktemp("source") / "plugin", tmp_path_factory.mktemp("site")
    shutil.copytree(PLUGIN, copy, ignore=shutil.ignore_patterns(".stageauto", "__pycache__"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    built = subprocess.run([*command, "--target", site, copy], capture_output=True, text=True, check=False, timeout=300)
    assert built.returncode == 0, built.stderr + built.stdout
    return site


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The plugin's workspace, to be written to."""
    made = tmp_path / "workspace"
    shutil.copytree(PLUGIN / "workspace", made, ignore=shutil.ignore_patterns(".stageauto"))
    return made


@pytest.fixture
def printer() -> Iterator[Printer]:
    made = Printer()
    yield made
    made.shutdown()
    made.server_close()


def stageauto(site: Path, root: Path, *words: str, port: int = 9100) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "import sys; from stageauto.cli import main; sys.exit(main())",
        "-C",
        str(root),
        *words,
    ]
    return subprocess.run(command, env=_env(site, port), capture_output=True, text=True, check=False, timeout=300)


def _env(site: Path, port: int) -> dict[str, str]:
    here = str(PLUGIN.parents[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STAGEAUTO_", "PYTEST_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join((str(site), here)), "LABEL_PRINTER_PORT": str(port)}


def told(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def rename(root: Path, line: str, other: str) -> None:
    file = root / "stageauto.yaml"
    text = file.read_text("utf-8")
    assert line in text
    file.write_text(text.replace(line, other), "utf-8")


def test_a_workspace_that_names_it_validates_and_its_scenarios_pass(site: Path, root: Path) -> None:
    checked = stageauto(site, root, "validate", "--json")
    assert (checked.returncode, told(checked)["diagnostics"]) == (0, []), checked.stdout
    tried = stageauto(site, root, "test", "--coverage", "--json")
    assert tried.returncode == 0, tried.stdout
    assert told(tried)["passed"] == 1
    assert told(tried)["coverage"]["missing"] == []


def test_its_kinds_are_in_the_reference_of_the_workspaces_that_enable_it(site: Path, root: Path) -> None:
    for words, key, kind in (
        (("actions",), "do", "print_label"), (("events",), "event", "parcel.scanned"),
        (("channels", "--types"), "type", "label_printer"),
    ):  # fmt: skip
        assert kind in {one[key] for one in told(stageauto(site, root, *words, "--json"))}
    assert "copies" in stageauto(site, root, "actions", "print_label").stdout
    rename(root, "plugins: [acme-actions]", "plugins: []")
    assert stageauto(site, root, "actions", "print_label").returncode == 2


def test_its_channel_prints_and_its_event_moves(site: Path, root: Path, printer: Printer) -> None:
    port = printer.server_address[1]
    assert isinstance(port, int)
    assert stageauto(site, root, "load", "--yes").returncode == 0
    words = ("-t", "Windows", "--contact", "first_name=Ewa^XZ", "--contact", "email=ewa@home.test")
    added = stageauto(site, root, "add", "parcels", *words, "--set", "address=12 Long Street")
    assert added.returncode == 0, added.stderr
    ran = stageauto(site, root, "run", "--until-idle", port=port)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    (label,) = printer.printed
    assert label.startswith("^XA")
    assert "^FDEwa_5EXZ^FS" in label
    assert "^FD12 Long Street^FS" in label
    (delivery,) = told(stageauto(site, root, "outbox", "--json"))
    assert (delivery["do"], delivery["state"]) == ("print_label", "done")
    assert f"^FX {delivery['key']}^FS" in label

    data = ("--data", "parcel=PL-7001", "--data", "gate=north")
    scanned = stageauto(site, root, "emit", "parcel.scanned", "--item", "deal-1", *data)
    assert scanned.returncode == 0, scanned.stderr
    assert stageauto(site, root, "run", "--until-idle", port=port).returncode == 0
    (item,) = told(stageauto(site, root, "items", "--json"))
    assert (item["stage"], item["fields"]["tracking_no"]) == ("gone", "PL-7001")


def test_what_is_installed_and_not_named_does_not_count(site: Path, root: Path) -> None:
    rename(root, "plugins: [acme-actions]", "plugins: []")
    checked = stageauto(site, root, "validate", "--json")
    assert checked.returncode == 1
    assert {one["code"] for one in told(checked)["diagnostics"]} >= {
        "unknown-action", "unknown-event", "unknown-channel-type",
    }  # fmt: skip


def test_what_is_named_and_not_installed_is_told(root: Path, tmp_path: Path) -> None:
    checked = told(stageauto(tmp_path, root, "validate", "--json"))["diagnostics"]
    assert "the plugin `acme-actions` is not installed" in {one["message"] for one in checked}


@pytest.mark.parametrize("name", ["acme-actions", "acme_actions", "Acme-Actions"])
def test_doctor_lists_it_however_it_is_spelt(site: Path, root: Path, name: str) -> None:
    rename(root, "plugins: [acme-actions]", f"plugins: [{name}]")
    found = told(stageauto(site, root, "doctor", "--json"))["findings"]
    assert [(one["level"], one["text"]) for one in found if one["check"] == "plugins"] == [("ok", name)]


def test_a_second_package_with_the_same_word_is_refused(site: Path, root: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    shutil.copytree(site, both)
    described = both / "acme_twice-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-twice\nVersion: 1.0\n", "utf-8")
    (described / "entry_points.txt").write_text(TWICE, "utf-8")
    (both / "acme_twice.py").write_text('class PrintLabel:\n    kind = "print_label"\n', "utf-8")
    assert stageauto(both, root, "validate").returncode == 0
    rename(root, "plugins: [acme-actions]", "plugins: [acme-actions, acme-twice]")
    checked = stageauto(both, root, "validate", "--json")
    assert checked.returncode == 1
    assert any("brings `print_label`, which exists already" in one["message"] for one in told(checked)["diagnostics"])


def test_the_tests_that_it_brings_along_pass(site: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-c", str(PLUGIN / "pyproject.toml")]
    tried = subprocess.run(
        [*command, str(PLUGIN / "tests")],
        cwd=site, env=_env(site, 9100), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "14 passed" in tried.stdout
