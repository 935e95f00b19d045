"""From a rule to the messenger, the calendar and staff's own channels, and back: over real HTTP on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stageauto.channels._telegram_updates import telegram_event
from stageauto.loader.files import read_files
from stageauto.runner import change, talking
from stageauto.runner.intake import Raw, accept
from stageauto.runner.session import InvalidWorkspaceError, Session
from stageauto.runner.versions import load
from tests.channels.providers.edna import CASCADE, KEY, SUBJECT, Edna
from tests.channels.providers.telegram import OPEN, STAFF, TOKEN, Telegram
from tests.channels.radicale_server import USERS, Radicale, radicale
from tests.channels.support import Web
from tests.runner.support import activate, deliveries, item_of, outcomes, run_until_idle, workspace

PIPELINE = """\
pipeline: work
entity: deal
fields: {order_no: string}
stages:
  - id: new
  - id: invited
    rules:
      - {id: invite, do: invite_to_messenger, with: {messenger: messenger, text: "Write to us:"}}
  - id: talking
    triggers:
      - {id: opened, event: chat.started, where: {channel: messenger}}
    rules:
      - id: hello
        do: send_chat
        with: {text: "Hello {{ contact.first_name }}", attach: [{file: files/plan.pdf}]}
      - {id: note, do: send_chat, with: {text: "Mind the price", hidden: true}}
      - {id: tell, do: notify, with: {as: Pipeline, text: "{{ item.title }} is talking"}}
      - {id: meet, do: schedule_meeting, with: {subject: Measure, in: 1d, attendees: [responsible, customer]}}
      - {id: shipped, do: send_whatsapp, with: {template: shipped, language: en, params: ["{{ item.order_no }}", x]}}
"""
MISTAKEN = """\
  - id: mistaken
    rules:
      - {id: to-the-team, do: send_sms, with: {text: "Dear {{ contact.first_name }}", channel: team}}
"""


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    made = Telegram()
    yield made
    made.close()


@pytest.fixture
def edna() -> Iterator[Edna]:
    made = Edna()
    yield made
    made.close()


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


@pytest.fixture
def calendars(tmp_path: Path) -> Iterator[Radicale]:
    with radicale(tmp_path / "radicale") as server:
        yield server


@pytest.fixture
def root(tmp_path: Path, telegram: Telegram, edna: Edna, web: Web, calendars: Radicale) -> Path:
    settings = f"""\
users:
  anna: {{name: Anna, email: anna@acme.test, roles: [admin], notify: [messenger, team], telegram: {STAFF},
         calendar_url: "{calendars.calendar("anna")}"}}
roles: {{admin: {{"*": [items.read, items.update, automation.read, automation.update]}}}}
channels:
  messenger: {{type: telegram, token: "${{BOT}}", bot: acme_bot, base_url: "{telegram.url}"}}
  team: {{type: apprise, url: "${{TEAM}}"}}
  calendar: {{type: caldav, user: anna, password: "${{DAV}}"}}
  whatsapp: {{type: edna, api_key: "${{EDNA}}", cascade: {CASCADE}, subject: {SUBJECT}, base_url: "{edna.url}"}}
network: {{allow_private: ["127.0.0.1"]}}
"""
    made = workspace(tmp_path / "acme", PIPELINE, settings)
    (made / "templates/files").mkdir(parents=True)
    (made / "templates/files/plan.pdf").write_bytes(b"%PDF-1.7")
    team = f"json://127.0.0.1:{web.port}/t0ken-of-the-team"
    (made / ".env").write_text(f"BOT={TOKEN}\nTEAM={team}\nDAV={USERS['anna']}\nEDNA={KEY}\n")
    activate(made)
    return made


def written(root: Path, channel: str) -> list[dict[str, str]]:
    """What a channel that is not set up wrote."""
    return [json.loads(path.read_text())["message"] for path in (root / ".stageauto/outbox" / channel).glob("*.json")]


def test_an_invited_customer_opens_a_chat_and_everything_follows(
    root: Path, telegram: Telegram, edna: Edna, web: Web, calendars: Radicale
) -> None:
    contact = {"first_name": "Ewa", "phone": "+48 501 111 222", "email": "ewa@home.test"}
    with Session.open(root, as_user="anna") as session:
        values = {"title": "Roof", "order_no": "A7", "responsible": "anna"}
        item = change.add(session, "work", stage="invited", values=values, contact=contact)
    run_until_idle(root)
    (invitation,) = written(root, "sms")
    found = re.search(r"https://t\.me/acme_bot\?start=([A-Za-z0-9_-]{43})$", invitation["text"])
    assert found is not None

    sender = {"id": OPEN, "is_bot": False, "first_name": "Ewa"}
    chat = {"id": OPEN, "type": "private"}
    message = {"message_id": 1, "from": sender, "chat": chat, "date": 0, "text": f"/start {found[1]}"}
    event = telegram_event({"update_id": 1, "message": message}, "messenger")
    assert event is not None
    with Session.open(root, as_user="anna") as session:
        assert [row.outcome for row in accept(session, [Raw(**event)])] == ["queued"]
        assert [row.outcome for row in accept(session, [Raw(**event)])] == ["duplicate"]
    run_until_idle(root)

    assert outcomes(root, item) == dict.fromkeys(("hello", "note", "tell", "meet", "shipped"), "done")
    texts = sorted((one["text"], list(one["files"])) for one in telegram.sent)
    assert texts[0] == ("Hello Ewa", ["document"])
    assert texts[1][0].startswith("Meeting: Measure")
    assert texts[2] == ("Pipeline: Roof is talking", [])
    notices = {json.loads(one.body)["message"]: json.loads(one.body)["title"] for one in web.got}
    assert notices == {"Roof is talking": "Roof: Pipeline", texts[1][0]: "Roof"}
    assert len(calendars.events("anna")) == 1
    assert [one["content"]["whatsappContent"]["text"] for one in edna.sent] == ["Order A7 is on its way: x"]
    (mailed,) = (root / ".stageauto/outbox/mail").glob("*.ics")
    assert "ATTENDEE" in mailed.read_text()
    assert {one.state for one in deliveries(root)} == {"done"}

    with Session.open(root, as_user="anna") as session, session.store.read() as state:
        history = [(one.kind, one.data) for one in state.timeline(item)]
        kept = [state.contact(one) for one in item_of(root, item).contacts]
    assert [one.chats for one in kept if one] == [[{"value": f"telegram:{OPEN}", "type": "messenger"}]]
    assert {"invited", "event", "chat_note", "contact"} <= {kind for kind, _ in history}
    with Session.open(root, as_user="anna") as session:
        said = [(one.text, one.hidden) for one in talking.lines(session, item).rows]
    assert ("Mind the price", True) in said
    assert ("Hello Ewa", False) in said
    assert found[1] not in repr(history)
    whole = b"".join(path.read_bytes() for path in (root / ".stageauto").glob("state.db*"))
    for secret in (TOKEN, USERS["anna"], KEY, "t0ken-of-the-team"):
        assert secret.encode() not in whole


def test_a_message_for_a_customer_never_goes_into_the_teams_own_room(root: Path, web: Web) -> None:
    pipeline = root / "pipelines/work.yaml"
    pipeline.write_text(pipeline.read_text("utf-8") + MISTAKEN, "utf-8")
    with Session.open(root, as_user="anna") as session, pytest.raises(InvalidWorkspaceError) as error:
        load(session, read_files(root))
    (one,) = [one for one in error.value.loaded.diagnostics if one.severity == "error"]
    assert (one.code, one.message) == (
        "channel-kind", "the channel `team` is of type apprise, which takes notify, no sms"
    )  # fmt: skip
    assert web.got == []
