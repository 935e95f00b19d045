"""A workspace whose mail goes out and comes in, and mails as people and servers write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from stageauto.engine.state import Entry, Item, Journal
from stageauto.runner import change
from stageauto.runner.session import Session
from tests.mailbox.dovecot import PASSWORD, USER, Dovecot
from tests.runner.support import TOO_LONG, Running, activate, serving, until, workspace

PIPELINE = """\
pipeline: work
entity: deal
fields: {note: string}
intake:
  - {id: mail, event: email.received, where: {channel: inbox}, unless_open: contact}
stages:
  - id: new
  - id: offered
    rules:
      - {id: offer, do: send_email, with: {to: customer, from: workspace, subject: Our offer, body: Here it is.}}
  - id: answered
    triggers:
      - {id: answer, event: email.received, set: {note: "{{ event.subject }}"}}
  - id: wrong
    triggers:
      - {id: bounce, event: email.bounced, where: {permanent: true, rule: offer}}
"""


def acme(
    root: Path, server: Dovecot, *, more: str = "", smtp: int = 0, inbox: str = "", pipeline: str = PIPELINE
) -> Path:
    """The workspace, loaded. `inbox`: options of the mailbox beside the usual ones."""
    (root).mkdir(parents=True, exist_ok=True)
    (root / ".env").write_text(f"IMAP_PASSWORD={PASSWORD}\n", "utf-8")
    out = f'{{type: smtp, host: 127.0.0.1, port: {smtp}, from: "Acme <{USER}>"}}' if smtp else "{type: file}"
    channels = (
        f"channels:\n  mail: {out}\n"
        f"  inbox: {{type: imap, host: 127.0.0.1, port: {server.port}, user: {USER}, "
        f'password: "${{IMAP_PASSWORD}}", poll: 2s{inbox}}}\n'
    )
    workspace(root, pipeline, channels + more)
    activate(root)
    return root


def add(root: Path, contact: dict[str, Any] | None = None, *, stage: str = "new") -> str:
    with Session.open(root) as session:
        return change.add(session, "work", stage=stage, values={"title": "Roof"}, contact=contact or {})


def events(root: Path, type: str = "") -> list[Journal]:
    with Session.open(root) as session, session.store.read() as state:
        return [one for one in state.journal() if one.type.startswith(type or "email.")]


def items(root: Path) -> list[Item]:
    with Session.open(root) as session, session.store.read() as state:
        return state.items()


def timeline(root: Path, item: str) -> list[Entry]:
    with Session.open(root) as session, session.store.read() as state:
        return state.timeline(item)


def until_events(root: Path, count: int, type: str = "") -> list[Journal]:
    """Waits until so many came and were decided; gives them."""
    until(lambda: len([one for one in events(root, type) if one.outcome != "queued"]) >= count, TOO_LONG)
    return events(root, type)


@contextmanager
def reading(root: Path) -> Iterator[Running]:
    """A daemon that is in its mailbox and has taken what was there."""
    with serving(root) as running:
        running.told.wait_for("mailbox")
        yield running


def mail(
    text: str = "Yes, please.", *, sender: str = "Ewa <ewa@home.test>", subject: str = "Question",
    files: Sequence[tuple[str, bytes]] = (), **headers: str,
) -> bytes:  # fmt: skip
    """A mail as mail programs write it; `in_reply_to` and the like are headers."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, headers.pop("to", USER), subject
    made["Message-ID"] = headers.pop("message_id", f"<{abs(hash((text, subject, sender)))}@home.test>")
    for name, value in headers.items():
        made[name.replace("_", "-").title()] = value
    made.set_content(text)
    for name, content in files:
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes()
