"""`${NAME}` reads the environment, and what it brought is never shown."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from stageauto.loader.files import read_files
from stageauto.loader.load import Loaded, load, secret_values
from stageauto.loader.secret import MissingVariableError, Secret, expand, read_dotenv, redact
from stageauto.report.diagnostics import render_text, to_github, to_json, to_sarif
from tests.loader.case_files import BASE, NOW

CANARY = "s3cr3t-canary-value"


def loaded(old: str = "", new: str = "", *, env: dict[str, str] | None = None, dotenv: str | None = None) -> Loaded:
    files = read_files(BASE)
    assert old in files["stageauto.yaml"]
    files["stageauto.yaml"] = files["stageauto.yaml"].replace(old, new) if old else files["stageauto.yaml"]
    return load(files, env={"ERP_SECRET": CANARY} if env is None else env, now=NOW, dotenv=dotenv)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("${HOST}", "mail.acme.test"),
        ("smtp://${HOST}:${PORT}", "smtp://mail.acme.test:25"),
        ("${NOPE:-localhost}", "localhost"),
        ("${NOPE:-}", ""),
        ("${EMPTY:-filled}", "filled"),
        ("$${HOST}", "${HOST}"),
        ("costs $5", "costs $5"),
    ],
)
def test_a_reference_is_replaced(source: str, text: str):
    assert expand(source, {"HOST": "mail.acme.test", "PORT": "25", "EMPTY": ""})[0] == text


@pytest.mark.parametrize("source", ["${NOPE}", "${}", "${A B}", "${1A}", "${NOPE", "${A:default}"])
def test_a_reference_to_nothing_is_refused(source: str):
    with pytest.raises(MissingVariableError):
        expand(source, {})


def test_a_default_is_not_a_secret():
    assert expand("${NOPE:-localhost}", {})[1] == ()
    assert expand("${HOST:-localhost}", {"HOST": "x.test"})[1] == ("x.test",)


def test_a_dotenv_file_is_read_line_by_line():
    text = "# comment\nA=1\nexport B = two # told\nC='th # ree'\nD=\"four\"\n1E=bad\nno equals\n"
    assert read_dotenv(text) == {"A": "1", "B": "two", "C": "th # ree", "D": "four"}


def test_the_environment_wins_over_the_dotenv_file():
    found = loaded(env={"ERP_SECRET": "from-environment"}, dotenv="ERP_SECRET=from-file\n")
    assert found.workspace is not None
    assert found.workspace.hooks["erp"]["secret"].reveal() == "from-environment"


def test_the_dotenv_file_is_read_where_the_environment_says_nothing():
    found = loaded(env={}, dotenv="ERP_SECRET=from-file\n")
    assert found.workspace is not None
    assert found.workspace.hooks["erp"]["secret"].reveal() == "from-file"


def test_a_secret_never_shows_itself():
    secret = Secret(CANARY)
    assert CANARY not in f"{secret} {secret!r} {secret:>30}" + str([secret]) + str({"a": secret})
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)


def test_a_loaded_workspace_does_not_show_its_secrets():
    found = loaded()
    assert found.workspace is not None
    assert CANARY not in repr(found) + repr(found.workspace) + str(found.workspace.hooks)
    assert CANARY in secret_values(found)


def test_a_number_from_the_environment_fits_where_a_number_is_wanted():
    found = loaded(
        "type: file,",
        'type: file, concurrency: "${JOBS}", kind: "${KIND}",',
        env={"ERP_SECRET": CANARY, "JOBS": "7", "KIND": "mail"},
    )
    assert found.workspace is not None
    assert found.workspace.channels["mail"].concurrency == 7
    assert found.workspace.channels["mail"].kind == "mail"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("timezone: Europe/Warsaw", 'timezone: "${X}"'),
        ("type: file,", 'type: "${X}",'),
        ("type: file,", 'type: file, concurrency: "${X}",'),
        ("type: file,", 'type: file, timeout: "${X}",'),
        ("type: file,", 'type: file, rate: "${X}",'),
        ("type: file,", 'type: file, on_unknown: "${X}",'),
        ("type: file,", 'type: file, unknown: "${X}",'),
        ("manager: olga", 'manager: "${X}"'),
        ("roles: [admin]", 'roles: ["${X}"]'),
        ("secret:", 'secrets: "${X}", secret:'),
        ("stageauto: 1", 'stageauto: "${X}"'),
        ('redirect: "https://acme.test/thanks"', 'redirect: "${X}"'),
        ("vars: {company: Acme}", 'limits: {messages_per_contact: "${X}"}'),
        ("vars: {company: Acme}", 'network: {allow_private: ["${X}"]}'),
        ("vars: {company: Acme}", 'plugins: ["${X}"]'),
        ("vars: {company: Acme}", 'calendars: "${X}"'),
        ('mon-fri: "09:00-13:00, 14:00-18:00"', 'mon-fri: "${X}"'),
    ],
)
def test_no_fault_shows_what_the_environment_holds(old: str, new: str):
    found = loaded(old, new, env={"ERP_SECRET": "another-one", "X": CANARY})
    assert found.workspace is None
    for text in (
        render_text(found.diagnostics, False),
        to_json(found.diagnostics),
        to_github(found.diagnostics),
        to_sarif(found.diagnostics),
        repr(found.diagnostics),
    ):
        assert CANARY not in text


def test_a_password_in_the_file_is_refused_and_hidden_in_the_source_line():
    found = loaded('secret: "${ERP_SECRET}"', "secret: hunter2-in-plain, extra: 1")
    assert found.workspace is None
    assert [one.code for one in found.diagnostics] == ["plain-secret", "unknown-key"]
    assert "hunter2" not in render_text(found.diagnostics, False)


@pytest.mark.parametrize(
    "said", ['secret: ""', 'secret: "${NOT_SET:-for-the-tests}"', 'secret: "Bearer ${ERP_SECRET}"']
)
def test_nothing_and_a_default_are_no_passwords_in_the_file(said: str):
    found = loaded('secret: "${ERP_SECRET}"', said)
    assert "plain-secret" not in [one.code for one in found.diagnostics]


def test_a_placeholder_of_a_message_is_no_password_whatever_its_name():
    gateway = 'channels:\n  sms: {type: sms_http, url: "https://sms.test", json: %s}\n'
    fine = loaded("channels:\n", gateway % '{to: "{to}", body: "{text}", dedup_token: "{key}"}')
    assert fine.workspace is not None
    wrong = loaded("channels:\n", gateway % '{to: "{to}", body: "{text}", auth: {api-key: abc-123}}')
    (one,) = wrong.diagnostics
    assert (one.code, one.severity) == ("plain-secret", "error")
    assert one.hint.startswith('write `api-key: "${AUTH_API_KEY}"`')


def test_a_missing_variable_is_all_that_is_told_of_a_channel():
    oauth = '{token_url: "https://a.test/t", client_id: a, client_secret: "${NOT_SET}"}'
    found = loaded("channels:\n", f"channels:\n  inbox: {{type: imap, host: a.test, user: a@b.test, oauth: {oauth}}}\n")
    assert [one.code for one in found.diagnostics] == ["missing-variable"]


def test_redacting_takes_the_longest_value_first():
    assert redact("abcdef abcd abc", ["abcd", "abcdef", "abc"]) == "*** *** abc"
