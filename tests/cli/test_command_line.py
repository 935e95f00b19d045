"""The command line as a whole: global options, exit codes, errors, help, what is imported."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import stageauto
from stageauto.cli import build, main
from stageauto.commands.common import Command
from stageauto.report.tables import Table, plain, safe
from stageauto.runner import look

STYLED = re.compile(r"\x1b\[[0-9;]*m")
MAIN = "from stageauto.cli import main; import sys; sys.exit(main())"


def run(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments], capture_output=True, text=True, check=False, timeout=180, **options
    )


@pytest.mark.parametrize("before", [True, False])
def test_global_options_stand_before_or_after_the_command(root: Path, anywhere, before: bool):
    options = ["-C", str(root), "--as", "olga", "--json"]
    arguments = [*options, "items"] if before else ["items", *options]
    assert anywhere(*arguments).json == []


def test_the_workspace_is_the_nearest_one_upward_or_the_one_of_the_environment(root: Path, anywhere, monkeypatch):
    monkeypatch.chdir(root / "pipelines")
    assert anywhere("items", "--as", "olga").code == 0
    monkeypatch.chdir(root.parent)
    missing = anywhere("items")
    assert missing.code == 2
    assert "stageauto init" in missing.err
    monkeypatch.setenv("STAGEAUTO_WORKSPACE", str(root))
    assert anywhere("items", "--as", "olga").code == 0


def test_a_folder_written_wrong_does_not_lead_to_the_workspace_above(root: Path, anywhere):
    wrong = anywhere("items", "--as", "olga", "-C", str(root / "pipelinez"))
    assert wrong.code == 2
    assert "there is no folder" in wrong.err


def test_where_nothing_is_loaded_the_way_out_is_said(unloaded: Path, anywhere):
    for command in (["items"], ["add", "deals", "-t", "x"], ["emit", "email.received"], ["resume", "--all"]):
        nothing = anywhere(*command, "-C", str(unloaded))
        assert nothing.code == 4, command
        assert "stageauto load" in nothing.err
    assert not (unloaded / ".stageauto").exists()


def test_with_json_an_error_is_one_document_on_stdout_and_text_on_stderr(cli):
    refused = cli("move", "9", "won", "--json")
    assert refused.code == 2
    assert refused.json == {"error": {"message": "there is no item `9`", "hint": "see `stageauto items`", "code": 2}}
    assert "there is no item" in refused.err
    assert cli("itms", "--json").json["error"]["code"] == 2
    assert cli("items", "--nope", "--json").json["error"]["code"] == 2


def test_wrong_words_are_a_usage_error_that_names_the_help(cli):
    wrong = cli("items", "--stage")
    assert wrong.code == 2
    assert "stageauto items --help" in wrong.err
    assert cli("add", "deals").code == 2
    assert cli("itmes").code == 2


def test_every_command_has_help_with_an_example(anywhere):
    from typer.main import get_command

    def walk(command, path):
        yield command, path
        for name, one in getattr(command, "commands", {}).items():
            yield from walk(one, [*path, name])

    found = list(walk(get_command(build()), []))
    assert len(found) > 25
    for command, path in found:
        assert command.help, path
        assert command.epilog, path
        assert command.epilog.startswith("Example: stageauto"), path
        if isinstance(command, Command):
            shown = anywhere(*path, "--help")
            assert shown.code == 0
            assert "Global options:" in shown.out
            assert "Example: stageauto" in shown.out


def test_an_example_stands_on_one_line_to_be_copied(anywhere):
    [example] = [line for line in anywhere("add", "--help").out.splitlines() if "Example:" in line]
    assert example.endswith("--contact email=ewa@home.test")


def test_the_list_of_commands_has_whole_sentences(anywhere):
    listed = anywhere("--help").out.partition("Commands:")[2]
    assert "..." not in listed
    assert "resolve     Settles a delivery that was sent perhaps.\n" in listed


def test_the_usage_line_is_written_as_everywhere(anywhere):
    assert "Usage: stageauto move [OPTIONS] ITEM STAGE" in anywhere("move", "--help").out
    assert "Usage: stageauto resolve [OPTIONS] ID {sent|not-sent}" in anywhere("resolve", "--help").out


def test_help_imports_nothing_heavy():
    code = "import sys; from stageauto.cli import main; main(['--help']); print(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    heavy = {"jinja2", "sqlite_utils", "jsonschema", "rich", "yaml", "sqlite3", "pysqlite3", "httpx2", "croniter"}
    assert not loaded & heavy
    assert "stageauto.engine.model" not in loaded


def test_looking_at_items_does_not_compile_the_workspace(cli, root: Path):
    cli("add", "deals", "-t", "A")
    code = (
        "import sys; from stageauto.cli import main\n"
        "for command in ('items', 'board', 'pending', 'timeline', 'outbox'): main([command, '--as', 'olga'])\n"
        "main(['show', '1', '--as', 'olga']); print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert "deal-1" in done.stdout
    heavy = {"jinja2", "sqlite_utils", "jsonschema", "rich", "yaml", "stageauto.engine.model", "stageauto.loader.load"}
    assert not set(done.stderr.split()) & heavy


def test_a_defect_ends_with_three_and_a_report_without_values_or_secrets(cli, root: Path, monkeypatch):
    (root / ".env").write_text("SMTP_PASSWORD=hunter2-hunter2\n", "utf-8")

    def broken(*_arguments, **_options):
        customer = "Ewa Kos"  # noqa: F841 - a local value, which the report must not show
        raise RuntimeError("could not log in with hunter2-hunter2")

    monkeypatch.setattr(look, "items", broken)
    defect = cli("items")
    assert defect.code == 3
    assert "defect of stageauto" in defect.err
    assert "Traceback" not in defect.err
    [report] = (root / ".stageauto").glob("defect-*.txt")
    assert str(report) in defect.err
    text = report.read_text("utf-8")
    assert "RuntimeError" in text
    assert "in broken" in text
    assert "hunter2" not in text
    assert "Ewa" not in text.replace('customer = "Ewa Kos"', "")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_ctrl_c_ends_with_130(cli, monkeypatch):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(look, "items", interrupted)
    assert cli("items").code == 130


def test_a_reader_that_has_had_enough_is_no_error(cli, root: Path):
    for _ in range(3):
        cli("add", "deals", "-t", "A" * 200)
    for what in ("timeline", "export"):
        command = f"{sys.executable} -c '{MAIN}' {what} --as olga -C {root} | head -c 1; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == 0
        assert done.stderr == ""


def test_following_ends_with_its_reader_though_nothing_happens(cli, root: Path):
    cli("add", "deals", "-t", "Roof")
    command = f"{SHELL} timeline --follow --as olga -C {root} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0
    assert "created in deals: Roof" in done.stdout


SHELL = f"{sys.executable} -c '{MAIN}'"


@pytest.mark.parametrize("closed", [">&-", "2>&- 1>/dev/null", "<&- >&- 2>&-"])
def test_closed_streams_keep_no_command_from_its_work(cli, root: Path, closed: str):
    command = f"{SHELL} add deals -t Roof --json --as olga -C {root} {closed}"
    assert subprocess.run(["bash", "-c", command], check=False, timeout=180).returncode == 0
    assert [one["title"] for one in cli("items", "--json").json] == ["Roof"]
    assert list((root / ".stageauto").glob("defect-*")) == []


def test_results_that_cannot_be_written_are_an_error_and_no_defect(root: Path):
    for more in ("", "--json"):
        command = f"{SHELL} items --as olga -C {root} {more} > /dev/full"
        # an empty list is a note on stderr: only what is a result has to be written
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == (1 if more else 0)
        assert ("cannot be written: No space left" in done.stderr) is bool(more)
        assert "Traceback" not in done.stderr


def test_the_daemon_goes_on_where_its_log_cannot_be_written(cli, root: Path):
    cli("add", "deals", "-t", "Roof", "-s", "quote", "--contact", "email=ewa@home.test", "--responsible", "anna")
    command = f"{SHELL} run --until-idle --as olga -C {root} > /dev/full"
    subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=180)
    assert [one["state"] for one in cli("outbox", "--json").json] == ["done"]


def test_our_own_signs_have_plainer_ones_where_an_encoding_lacks_them(cli, root: Path):
    cli("add", "deals", "-t", "Wójcik")
    env = {**os.environ, "PYTHONIOENCODING": "iso-8859-1"}
    arguments = [sys.executable, "-c", MAIN, "show", "1", "--as", "olga"]
    shown = subprocess.run(arguments, capture_output=True, check=True, cwd=root, env=env).stdout.decode("iso-8859-1")
    assert "Wójcik" in shown
    assert "+  welcome" in shown
    assert "o  later" in shown


@pytest.mark.parametrize(
    "arguments",
    [["add", "deals", "-t"], ["show"], ["timeline"], ["emit", "email.received", "--id"], ["resolve", "sent"]],
)
def test_an_argument_that_is_no_text_is_a_usage_error(root: Path, arguments: list[str]):
    command = [sys.executable.encode(), b"-c", MAIN.encode(), *(one.encode() for one in arguments), b"bad \xff\xfe"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=180, cwd=root)
    assert done.returncode == 2
    assert b"`bad \\xff\\xfe` is no text in UTF-8" in done.stderr
    assert list((root / ".stageauto").glob("defect-*")) == []


def test_json_is_readable_whatever_the_encoding_of_stdout(cli, root: Path):
    cli("add", "deals", "-t", "Wójcik 🏠 \u202eevil")
    for encoding in ("utf-8", "ascii", "iso-8859-1"):
        done = run("items", "--json", "--as", "olga", cwd=root, env={**os.environ, "PYTHONIOENCODING": encoding})
        assert json.loads(done.stdout)[0]["title"] == "Wójcik 🏠 \u202eevil", encoding
        arguments = [sys.executable, "-c", MAIN, "items", "--as", "olga"]
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        text = subprocess.run(arguments, capture_output=True, check=True, cwd=root, env=environment).stdout
        assert "deal-1" in text.decode(encoding), encoding


def on_terminal(root: Path, *arguments: str, **environment: str) -> str:
    """What the command writes to a terminal."""
    reader, writer = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140", **environment}
    with subprocess.Popen([sys.executable, "-c", MAIN, *arguments], stdout=writer, cwd=root, env=env) as process:
        os.close(writer)
        shown = b""
        while True:
            try:
                chunk = os.read(reader, 65536)
            except OSError:  # the terminal is closed from the other side
                break
            if not chunk:
                break
            shown += chunk
        process.wait(180)
    os.close(reader)
    return shown.decode()


def test_on_a_terminal_there_are_tables_and_colours_and_what_customers_wrote_stays_text(cli, root: Path):
    cli("add", "deals", "-t", "price [/] [red]x[/red] \x1b]0;evil\x07")
    shown = on_terminal(root, "show", "1", "--as", "olga")
    assert "\x1b[32m" in shown  # green for what is done
    listed = on_terminal(root, "items", "--as", "olga")
    assert "price [/] [red]x[/red] \\x1b]0;evil\\x07" in listed
    assert "\x1b]0" not in listed


def test_one_very_long_title_makes_no_gaps_in_the_lines_of_others(cli, root: Path):
    cli("add", "deals", "-t", "Roof")
    cli("add", "deals", "-t", "long " * 2_000)
    heads, short, long = cli("items").out.splitlines()
    assert len(heads) < 200
    assert len(short) < 200
    assert len(long) > 10_000
    assert len(on_terminal(root, "items", "--as", "olga")) < 5_000


def test_a_folder_that_is_gone_is_a_usage_error(tmp_path: Path):
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["bash", "-c", f"cd {gone}; rmdir {gone}; {SHELL} items"], capture_output=True, text=True, check=False,
        timeout=180,
    )  # fmt: skip
    assert done.returncode == 2
    assert "is gone" in done.stderr


@pytest.mark.parametrize("columns", ["30", "40", "60", "90", "200"])
def test_ids_and_moments_are_whole_however_narrow_the_terminal(cli, root: Path, columns: str):
    cli("add", "deals", "-t", "A roof in Raszyn with a long name", "--responsible", "anna")
    shown = STYLED.sub("", on_terminal(root, "pending", "--as", "olga", COLUMNS=columns))
    due = cli("pending").out.splitlines()[1][:16]
    for whole in ("deal-1.1.later", "deal-1.1.soon", "create_task", due):
        assert whole in shown
    assert all(len(line) <= int(columns) for line in shown.splitlines())


def test_on_a_narrow_terminal_the_board_is_a_list_for_each_stage(cli, root: Path):
    cli("add", "deals", "-t", "Roof")
    shown = STYLED.sub("", on_terminal(root, "board", "deals", "--as", "olga", COLUMNS="16"))
    lines = [line.rstrip() for line in shown.splitlines() if line.strip()]
    assert lines == ["Deals", "New (1)", "  deal-1 Roof", "Quote (0)", "Won (0)"]


@pytest.mark.parametrize(("arguments", "environment"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"})])
def test_colours_can_be_switched_off(cli, root: Path, arguments: list[str], environment: dict[str, str]):
    cli("add", "deals", "-t", "A")
    shown = on_terminal(root, "show", "1", "--as", "olga", *arguments, **environment)
    assert "deal-1" in shown
    assert not re.search(r"\x1b\[3\d", shown)


def test_plain_tables_are_aligned_also_with_wide_letters():
    lines = list(plain(Table(["a", "b", "n"], [["日本", "x", "1"], ["é", "yy", "10"]], right=frozenset({"n"}))))
    assert lines == ["A     B    N", "日本  x    1", "é     yy  10"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\tc\rd", "a b cd"),
        ("a\u202eb", "ab"),
        ("a\u2028b", "a\\u2028b"),
        ("\x9b31m", "\\x9b31m"),
        ("żółć 日本", "żółć 日本"),
    ],
)
def test_nothing_that_a_terminal_obeys_is_shown_as_it_is(text: str, shown: str):
    assert safe(text) == shown


def test_the_version_is_told(anywhere):
    assert set(anywhere("--version", "--json").json) == {"version"}
    assert anywhere("--version").out == f"stageauto {stageauto.__version__}\n"


def test_without_a_command_the_help_is_shown_and_it_is_a_usage_error(capfd):
    assert main([]) == 2
    assert "Commands:" in capfd.readouterr().err
