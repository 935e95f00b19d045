"""Looking after a workspace: doctor, backup, restore, prune, the service; and the reference."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from stageauto.store.driver import dbapi


def levels(result) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in result.json["findings"]:
        found.setdefault(one["check"], set()).add(one["level"])
    return found


def test_a_healthy_workspace_has_nothing_bad(cli):
    done = cli("doctor", "--json")
    assert done.code == 0
    assert done.json["ok"] is True
    found = levels(done)
    assert {"clock", "zone data", "SQLite", "files", "secrets"} <= set(found)
    assert {"rights of files", "disk", "state", "daemon", "version", "channels"} <= set(found)
    assert all("bad" not in ones for ones in found.values())


def test_a_missing_secret_is_bad_and_named(cli, root):
    path = root / "stageauto.yaml"
    path.write_text(path.read_text("utf-8") + 'hooks: {erp: {secret: "${NO_SUCH_SECRET}"}}\n', "utf-8")
    done = cli("doctor", "--json")
    assert done.code == 1
    [secret] = [one for one in done.json["findings"] if one["check"] == "secrets"]
    assert secret["level"] == "bad"
    assert "NO_SUCH_SECRET" in secret["text"]


def test_files_that_are_not_loaded_yet_are_a_warning(cli, root):
    path = root / "pipelines" / "leads.yaml"
    path.write_text(path.read_text("utf-8") + "# more\n", "utf-8")
    assert levels(cli("doctor", "--json"))["version"] == {"warn"}


def test_a_state_that_others_can_read_is_bad(cli, root):
    (root / ".stageauto" / "state.db").chmod(0o644)
    done = cli("doctor", "--json")
    assert done.code == 1
    assert levels(done)["rights of files"] == {"bad"}


def test_a_damaged_state_is_bad_and_not_replaced(cli, root):
    file = root / ".stageauto" / "state.db"
    content = b"this is no state" * 1000
    file.write_bytes(content)
    done = cli("doctor", "--json")
    assert done.code == 1
    assert levels(done)["state"] == {"bad"}
    assert file.read_bytes() == content


def test_doctor_works_before_anything_is_loaded(anywhere, unloaded):
    done = anywhere("-C", str(unloaded), "doctor", "--json")
    assert done.code == 0
    assert levels(done)["state"] == {"warn"}


def test_who_may_see_nothing_is_refused_by_doctor(cli):
    assert cli("doctor", "--as", "peter").code == 5


def test_a_backup_brings_back_what_was_there(cli, tmp_path):
    cli("add", "deals", "--title", "Roof")
    copy = tmp_path / "copy.db"
    made = cli("backup", str(copy), "--json")
    assert made.json == {"file": str(copy), "size": copy.stat().st_size}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert cli("backup", str(copy)).code == 4
    cli("add", "deals", "--title", "Lost with the machine")
    done = cli("restore", str(copy), "--json")
    assert done.code == 0
    assert Path(done.json["kept"]).is_file()
    assert [one["title"] for one in cli("items", "--json").json] == ["Roof"]
    assert levels(cli("doctor", "--json"))["sending"] == {"warn"}
    assert "restore" in [one["action"] for one in cli("audit", "--json").json]


def test_a_broken_state_is_restored_by_the_rights_of_the_backup(cli, root, tmp_path):
    copy = tmp_path / "copy.db"
    cli("backup", str(copy))
    (root / ".stageauto" / "state.db").write_bytes(b"broken" * 1000)
    assert cli("restore", str(copy), "--as", "anna").code == 5
    assert cli("restore", str(copy)).code == 0
    assert cli("items", "--json").json == []


def made_older(file: Path) -> None:
    """Gives a state without history the tables that the first version had."""
    with closing(dbapi.connect(str(file), isolation_level=None)) as connection:
        connection.executescript(
            "DROP VIEW lines; ALTER TABLE timeline DROP COLUMN before; PRAGMA user_version = 1; VACUUM;"
        )


def test_the_rights_of_a_state_of_an_older_stageauto_count_when_it_is_replaced(cli, root, tmp_path):
    copy = tmp_path / "copy.db"
    cli("backup", str(copy))
    for file in (copy, root / ".stageauto" / "state.db"):
        made_older(file)
    assert cli("restore", str(copy), "--as", "anna").code == 5
    assert cli("restore", str(copy)).code == 0
    assert cli("items", "--json").json == []


def test_backup_and_prune_need_the_right_to(cli, tmp_path):
    assert cli("backup", str(tmp_path / "x.db"), "--as", "anna").code == 5
    assert cli("prune", "--before", "1y", "--as", "anna").code == 5
    assert not (tmp_path / "x.db").exists()


def test_prune_forgets_only_what_is_over_and_old(cli):
    cli("add", "deals", "--title", "Roof")
    done = cli("prune", "--before", "1y", "--json")
    assert done.code == 0
    assert sum(done.json["rows"].values()) == 0
    assert cli("prune", "--before", "2999-01-01").code == 2
    assert cli("prune", "--before", "soon").code == 2
    assert len(cli("items", "--json").json) == 1


def test_the_unit_names_the_workspace_and_escapes_its_path(anywhere, tmp_path):
    folder = tmp_path / "my firm 100%"
    anywhere("init", str(folder), "--template", "blank")
    text = anywhere("-C", str(folder), "unit").out
    quoted = str(folder).replace("%", "%%")
    assert f"WorkingDirectory={quoted}\n" in text
    assert f'stageauto -C "{quoted}" run\n' in text
    assert "RestartPreventExitStatus=2 4" in text


# -- reference --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["workspace", "pipeline", "scenario"])
def test_the_schema_is_the_committed_one(anywhere, kind):
    committed = Path(__file__).resolve().parents[2] / "schemas" / f"{kind}.schema.json"
    assert json.loads(anywhere("schema", kind).out) == json.loads(committed.read_text("utf-8"))


def test_actions_are_listed_by_entity_and_explained_by_name(anywhere):
    every = {one["do"] for one in anywhere("actions", "--json").json}
    assert {"send_email", "change_stage", "webhook"} <= every
    for_documents = anywhere("actions", "--for", "document", "--json").json
    assert all("document" in one["entities"] for one in for_documents)
    assert "max_length" in anywhere("actions", "send_sms").out
    unknown = anywhere("actions", "send_mail")
    assert unknown.code == 2
    assert "did you mean `send_email`?" in unknown.err


def test_events_say_what_their_data_is(anywhere):
    [one] = anywhere("events", "email.received", "--json").json
    assert one["customer"] is True
    assert "subject" in one["data"]
    assert "in_reply_to" in anywhere("events", "email.received").out


def test_events_are_listed_by_group_and_for_an_entity(anywhere):
    found = anywhere("events", "--for", "lead", "--json").json
    groups = [one["group"] for one in found]
    assert groups == sorted(groups)
    assert all("lead" in one["entities"] for one in found)
    assert anywhere("events", "--for", "roof").code == 2


def test_the_types_of_channels_are_listed_and_explained_by_name(anywhere):
    found = {one["type"]: one for one in anywhere("channels", "--types", "--json").json}
    assert {"smtp", "imap", "twilio", "yandex", "file"} <= set(found)
    assert (found["imap"]["incoming"], found["twilio"]["takes"]) == (True, ["sms", "call"])
    [one] = anywhere("channels", "--type", "lox24", "--json").json
    assert {"token", "from"} <= {option["name"] for option in one["options"] if option["required"]}
    assert "LOX24_TOKEN" in anywhere("channels", "--type", "lox24").out
    assert "oauth.refresh_token" in anywhere("channels", "--type", "smtp").out
    assert "say.volume" in anywhere("actions", "make_call").out
    assert "did you mean `twilio`?" in anywhere("channels", "--type", "twillio").err


def test_channels_show_what_is_set_up_and_no_options(cli):
    found = {one["name"]: one for one in cli("channels", "--json").json}
    assert found["mail"]["set_up"] is True
    assert found["sms"]["set_up"] is False
    assert "options" not in found["mail"]


def test_a_probe_lands_in_the_folder_of_its_channel(cli, root):
    done = cli("channels", "test", "mail", "--json")
    assert done.code == 0
    assert done.json["to"] == "olga@acme.test"
    [mail] = (root / ".stageauto" / "outbox" / "mail").glob("*.eml")
    assert b"Test of the channel mail" in mail.read_bytes()
    assert cli("outbox", "--json").json == []


def test_a_probe_through_a_server_that_is_not_there_fails_in_words(cli, root):
    path = root / "stageauto.yaml"
    text = path.read_text("utf-8").replace(
        "channels:\n", 'channels:\n  dead: {type: smtp, host: 127.0.0.1, port: 1, from: "a@acme.test", timeout: 5s}\n'
    )
    path.write_text(text, "utf-8")
    done = cli("channels", "test", "dead", "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    assert done.json["error"]


def test_a_probe_needs_the_right_to_and_a_channel_that_exists(cli):
    assert cli("channels", "test", "mail", "--as", "anna").code == 5
    unknown = cli("channels", "test", "mial")
    assert unknown.code == 2
    assert "did you mean `mail`?" in unknown.err


# -- completion -------------------------------------------------------------------------------------------------------


def completed(root: Path, words: str) -> list[str]:
    """What bash is offered for the last of these words."""
    environment = {
        "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1), "_STAGEAUTO_COMPLETE": "complete_bash",
        "STAGEAUTO_WORKSPACE": str(root), "PATH": "",
    }  # fmt: skip
    code = "from stageauto.cli import main; main()"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("stageauto --as olga add d", ["deals"]),
        ("stageauto --as olga items --pipeline l", ["leads"]),
        ("stageauto --as olga items --stage qu", ["quote"]),
        ("stageauto --as olga show deal-", ["deal-1", "deal-2"]),
        ("stageauto --as olga move deal-1 wo", ["won"]),
        ("stageauto --as olga move deal-1 ", ["new", "quote", "won"]),
        ("stageauto --as olga cancel deal-1", ["deal-1.1.later", "deal-1.1.soon"]),
        ("stageauto --as peter show deal-", []),
    ],
)
def test_names_complete_in_the_shell(cli, root, words, offered):
    cli("add", "deals", "--title", "One")
    cli("add", "deals", "--title", "Two")
    assert completed(root, words) == offered


def test_doctor_names_a_channel_that_tries_in_vain_and_what_nobody_sends(cli, root):
    settings = root / "stageauto.yaml"
    settings.write_text(
        settings.read_text("utf-8").replace("type: file", "type: smtp, host: 127.0.0.1, port: 1"), "utf-8"
    )
    cli("load", "--yes")
    cli("add", "deals", "-t", "Roof", "-s", "quote", "--contact", "email=ewa@home.test", "--responsible", "anna")
    assert levels(cli("doctor", "--json"))["outbox"] == {"ok"}  # it was put there just now
    cli("run", "--until-idle")
    [found] = [one for one in cli("doctor", "--json").json["findings"] if one["check"] == "outbox"]
    assert found["level"] == "warn"
    assert found["text"].startswith("`mail`: 1 delivery tried in vain so far: cannot reach 127.0.0.1:1")
    assert "channels test mail" in found["hint"]


def test_export_gives_all_of_the_state_in_the_words_of_the_commands(cli):
    cli(
        "add",
        "deals",
        "-t",
        "Roof",
        "--set",
        "amount=5000",
        "--contact",
        "email=ewa@home.test",
        "--responsible",
        "anna",
    )
    cli("add", "leads", "-t", "Web")
    lines = [json.loads(line) for line in cli("export").out.splitlines()]
    named = {kind: [line[kind] for line in lines if kind in line] for line in lines for kind in line}
    for kind, command in (
        ("item", ["items"]), ("contact", ["contacts"]), ("entry", ["timeline"]), ("run", ["pending"]),
        ("task", ["tasks", "--all"]), ("post", ["feed"]),
    ):  # fmt: skip
        assert sorted(map(str, named[kind])) == sorted(map(str, cli(*command, "--json").json)), kind
    whole = cli("export", "--json").json
    assert [one["title"] for one in whole["items"]] == ["Roof", "Web"]
    assert whole["bookings"] == []


def test_export_of_one_pipeline_has_nothing_of_the_others(cli):
    cli("add", "deals", "-t", "Roof", "--contact", "email=ewa@home.test")
    cli("add", "leads", "-t", "Web", "--contact", "email=jan@home.test")
    mine = cli("export", "--pipeline", "deals", "--as", "anna", "--json")
    assert mine.code == 0
    assert {one["item"] for one in mine.json["timeline"]} == {"deal-1"}
    assert [one["emails"][0]["value"] for one in mine.json["contacts"]] == ["ewa@home.test"]
    assert set(cli("export", "--only", "items", "--json").json) == {"items"}
    assert cli("export", "--as", "anna").code == 5  # all pipelines
    assert cli("export", "--only", "itmes").code == 2


def test_a_state_that_is_gone_is_told_as_lost_and_not_as_never_made(cli, root, tmp_path):
    kept = tmp_path / "kept.db"
    assert cli("backup", str(kept)).code == 0
    for one in (root / ".stageauto").glob("state.db*"):
        if one.suffix != ".mark":
            one.unlink()
    for words in ("items", "plan", "load --yes", "add deals -t Roof", "versions", "run --until-idle", "backup x.db"):
        done = cli(*words.split())
        assert done.code == 4, words
        assert "is gone, but there was a state" in done.err, words
        assert f"stageauto restore {kept}" in done.err, words
    assert levels(cli("doctor", "--json"))["state"] == {"bad"}
    assert cli("restore", str(kept)).code == 0
    assert cli("items").code == 0


def test_a_folder_in_the_place_of_a_state_is_not_replaced_by_a_backup(cli, root, tmp_path):
    assert cli("backup", str(tmp_path / "kept.db")).code == 0
    for one in (root / ".stageauto").glob("state.db*"):
        one.unlink()
    (root / ".stageauto" / "state.db").mkdir()
    done = cli("restore", str(tmp_path / "kept.db"))
    assert done.code == 4
    assert "is a folder, not a state\n  move it away" in done.err


@contextmanager
def closed_to_whoever_asks(folder: Path) -> Iterator[None]:
    """Root may open everything, and is somebody else meanwhile; anybody else is shut out of their own folder."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        folder.chmod(0)
        try:
            yield
        finally:
            folder.chmod(0o700)


def test_a_state_of_another_user_is_told_as_closed_and_not_as_a_defect(anywhere, root):
    open_to_all = Path(tempfile.mkdtemp())  # those of the tests are closed to others themselves
    try:
        shutil.copytree(root, open_to_all / "acme")
        open_to_all.chmod(0o755)
        (open_to_all / "acme").chmod(0o755)
        where = ["-C", str(open_to_all / "acme"), "--as", "olga"]
        anywhere(*where, "resume", "--all")  # copied as it was, it sends nothing before
        wanted = ("items", "plan", "load --yes", "doctor", "run --until-idle", "validate")
        codes = {words: anywhere(*where, *words.split()).code for words in wanted}
        assert set(codes.values()) == {0}
        with closed_to_whoever_asks(open_to_all / "acme" / ".stageauto"):
            done = {words: anywhere(*where, *words.split()) for words in wanted}
        assert {words: one.code for words, one in done.items()} == codes | dict.fromkeys(wanted[:3], 4) | {
            "doctor": 1,
            "run --until-idle": 4,
        }
        assert "state.db is closed to you\n  run this as who may open it: `sudo -u " in done["items"].err
    finally:
        shutil.rmtree(open_to_all)


def test_a_backup_is_restored_into_no_folder_that_is_a_file(cli, root, tmp_path):
    assert cli("backup", str(tmp_path / "kept.db")).code == 0
    shutil.rmtree(root / ".stageauto")
    (root / ".stageauto").write_text("not a folder")
    done = cli("restore", str(tmp_path / "kept.db"))
    assert done.code == 4
    assert "state.db cannot be made: its folder is a file" in done.err
