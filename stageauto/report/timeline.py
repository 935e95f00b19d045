"""Lines of history as sentences: what happened, why, and what it set going."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stageauto.engine.gates import refusal_detail, refusal_gate
from stageauto.engine.gsm import in_words
from stageauto.report.times import local, local_text

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.state import Entry

Data = Mapping[str, Any]
_LONGEST = 120
_MOST = 6


def sentence(entry: Entry, zone: ZoneInfo) -> str:
    """What the line says, for people; times in that zone. Nothing is made safe for a terminal here."""
    write = _SENTENCES.get(entry.kind)
    return write(entry.data, zone) if write else f"{entry.kind.replace('_', ' ')}{_rest(entry.data)}"


def _rest(data: Data) -> str:
    return f": {_pairs(data)}" if data else ""


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _value(value: Any, zone: ZoneInfo) -> str:
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_value(one, zone) for one in value)
    return _short(local_text(value, zone) if isinstance(value, str) else value)


def _pairs(data: Data) -> str:
    return _short(", ".join(f"{name}={value}" for name, value in data.items()))


def _because(data: Data) -> str:
    return f": {data['because']}" if data.get("because") else f" ({data['code']})" if data.get("code") else ""


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST])
    return shown if len(names) <= _MOST else f"{shown} and {len(names) - _MOST} more"


def _cause(data: Data) -> str:
    """By what an item came where it is."""
    if data.get("trigger"):
        event = data.get("type") or data.get("event") or ""
        return f" by the trigger `{data['trigger']}`" + (f" on {event}" if event else "")
    if data.get("intake"):
        return f" by the intake `{data['intake']}`"
    if data.get("rule"):
        return f" by the rule `{data['rule']}`"
    by_hand = " by hand" if data.get("by_hand") else ""
    reason = {"moved": "its stage is gone from the files"}.get(str(data.get("reason")), data.get("reason"))
    return by_hand + (f": {reason}" if reason else "")


# -- one function for each kind ---------------------------------------------------------------------------------------


def _created(data: Data, zone: ZoneInfo) -> str:
    text = f"created in {data.get('pipeline', '?')}{_cause(data)}: {_short(data.get('title') or 'no title')}"
    return f"{text}; {_event(data, zone)}" if data.get("intake") and data.get("type") else text


def _entered(data: Data, zone: ZoneInfo) -> str:
    where = f"{data['pipeline']}/{data['to']}" if data.get("from_pipeline") else str(data.get("to"))
    was = f"{data['from_pipeline']}/{data.get('from')}" if data.get("from_pipeline") else data.get("from")
    if was is None:
        text = f"entered {where}"
    elif was == where:
        text = f"began {where} anew{_cause(data)}"
    else:
        text = f"moved from {was} to {where}{_cause(data)}"
    cancelled = [one[1] for one in data.get("cancelled", ())]
    if cancelled:
        text += f"; cancelled {_names(cancelled)}"
    planned = _planned(data, zone)
    return text + (f"; set going {_names(planned)}" if planned else "")


def _planned(data: Data, zone: ZoneInfo) -> list[str]:
    """The rules that were set going, each with its moment where it has one, and why that was put off."""
    quiet = data.get("quiet") or {}
    return [_begun(rule, due, zone, quiet=rule in quiet) for rule, due in data.get("scheduled", ())]


def _begun(rule: str, due: int | None, zone: ZoneInfo, *, quiet: bool) -> str:
    if due is None:
        return str(rule)
    return f"{rule} ({local(due, zone)}{', after quiet hours' if quiet else ''})"


def _changed(data: Data, zone: ZoneInfo) -> str:
    changes = [
        f"{one['field']} from {_value(one.get('was'), zone)} to {_value(one.get('to'), zone)}"
        if one.get("was") is not None
        else f"{one['field']} to {_value(one.get('to'), zone)}"
        for one in data.get("changes", ())
    ]
    return "set " + _names(changes) if changes else "nothing was changed"


def _deleted(data: Data, _: ZoneInfo) -> str:
    cancelled = [one[1] for one in data.get("cancelled", ())]
    return "deleted" + (f"; cancelled {_names(cancelled)}" if cancelled else "")


def _outcome(data: Data, _: ZoneInfo) -> str:
    text = f"{data.get('rule')} {data.get('outcome')}{_because(data)}"
    values = data.get("values")
    if values and isinstance(values, dict) and data.get("outcome") == "skipped":
        more = {name: value for name, value in values.items() if f"{name} = " not in text}  # not what was said already
        text += f" [{_pairs(more)}]" if more else ""
    elif values and isinstance(values, dict) and isinstance(values.get("to"), list):
        text += f" (to {_names([str(one) for one in values['to']])})"
    return text


def _repeated(data: Data, zone: ZoneInfo) -> str:
    return f"{_outcome(data, zone)}; it comes again"


def _rescheduled(data: Data, zone: ZoneInfo) -> str:
    was = local(data.get("was"), zone) or "without a time"
    now = local(data.get("due"), zone) or "without a time"
    reasons = {
        "load": "a configuration was loaded", "quiet_hours": "the customer's quiet hours", "hours": "outside its hours",
        "responsible": "the responsible changed",
    }  # fmt: skip
    reason = str(data.get("reason") or "")
    because = reasons.get(reason) or (f"{reason} changed" if reason else "")
    return f"{data.get('rule')} is due {now}, was {was}" + (f": {because}" if because else "")


def _waiting(data: Data, zone: ZoneInfo) -> str:
    until = local(data.get("due"), zone)
    return f"{data.get('rule')} waits" + (f" until {until}" if until else "")


def _retry(data: Data, zone: ZoneInfo) -> str:
    return f"{data.get('rule')} is tried again at {local(data.get('due'), zone)}: {_short(data.get('error') or '')}"


def _sent(data: Data, _: ZoneInfo) -> str:
    subject = f": {_short(data['subject'])}" if data.get("subject") else ""
    size = f" ({in_words(data)})" if in_words(data) else ""
    return f"{data.get('rule') or 'an answer'} sent to {data.get('to')} by {data.get('channel')}{subject}{size}"


def _event(data: Data, _: ZoneInfo) -> str:
    if data.get("type") == "email.received" and isinstance(data.get("data"), dict) and data["data"].get("from"):
        return _mail(data["data"])
    return f"{data.get('type')} came" + (f": {_pairs(data['data'])}" if data.get("data") else "")


def _mail(mail: Mapping[str, Any]) -> str:
    files = len(mail.get("attachments") or ())
    what = "an automatic mail" if mail.get("auto") in (True, "true") else "a mail"
    more = f" ({files} file{'s' if files > 1 else ''})" if files else ""
    subject = f": {_short(mail['subject'])}" if mail.get("subject") else ""
    return f"{what} came from {_short(mail['from'])}{subject}{more}"


def _refused(data: Data, _: ZoneInfo) -> str:
    kept = [f"{one[0]} ({_why_not(one)})" for one in data.get("refused", ()) if one]
    return f"{data.get('type')} moved nothing" + (f": {_names(kept)}" if kept else "")


def _why_not(refusal: Sequence[Any]) -> str:
    detail = refusal_detail(refusal)
    return _short(f"{refusal_gate(refusal).word}: {detail}" if detail else refusal_gate(refusal).word)


def _bad_value(data: Data, _: ZoneInfo) -> str:
    return f"{data.get('field')} was left as it is{_because(data)}"


def _resolved(data: Data, _: ZoneInfo) -> str:
    said = "was sent" if data.get("sent") else "was not sent, and goes out again"
    if data.get("because"):
        said = f"was not sent, and is not any more: {data['because']}"
    who = f"asked, the channel {data['channel']}" if data.get("channel") else "somebody"
    return f"{data.get('rule')}: {who} says that {data.get('delivery')} {said}"


def _rules_started(data: Data, zone: ZoneInfo) -> str:
    planned = _planned(data, zone)
    what = _names(planned) if planned else str(data.get("rule") or "")
    return f"rules of {data.get('stage')} set going" + (f": {what}" if what else "")


def _person(what: str) -> Callable[[Data, ZoneInfo], str]:
    def write(data: Data, _: ZoneInfo) -> str:
        changed = data.get("changed") or ()
        verb = "made" if data.get("created") else "changed"
        return f"{what} {data.get(what)} {verb}" + (f": {_names(list(changed))}" if changed else "")

    return write


def _task(data: Data, _: ZoneInfo) -> str:
    to = f" for {data['assignee']}" if data.get("assignee") else ""
    return f"task {data.get('task')}{to}: {_short(data.get('title') or '')}"


def _document(data: Data) -> str:
    number = f" {data['number']}" if data.get("number") else ""
    return f"{_short(data.get('name') or '')}{number} ({data.get('document')})"


def _booking(data: Data, zone: ZoneInfo) -> str:
    start = local_text(str(data.get("start") or ""), zone)
    return f"booked {data.get('resource')}" + (f" from {start}" if start else "") + f" ({data.get('booking')})"


_SENTENCES: Mapping[str, Callable[[Data, ZoneInfo], str]] = {
    "created": _created,
    "entered": _entered,
    "changed": _changed,
    "deleted": _deleted,
    "outcome": _outcome,
    "repeated": _repeated,
    "rescheduled": _rescheduled,
    "waiting": _waiting,
    "retry": _retry,
    "sent": _sent,
    "event": _event,
    "refused": _refused,
    "bad_value": _bad_value,
    "resolved": _resolved,
    "rules_started": _rules_started,
    "contact": _person("contact"),
    "company": _person("company"),
    "task": _task,
    "booking": _booking,
    "document": lambda data, _: f"document {_document(data)} made",
    "document_signed": lambda data, _: f"document {_document(data)} is signed by all",
    "signature_asked": lambda data, _: f"{_names(list(data.get('who', ())))} asked to sign {_document(data)}",
    "file": lambda data, _: f"file {data.get('file')}: {_short(data.get('name') or '')}",
    "held": lambda data, _: f"put on hold{_because(data)}",
    "resumed": lambda _data, _zone: "resumed",
    "retried": lambda data, _: f"{data.get('rule')} is tried again, by hand",
    "task_done": lambda data, _: f"task {data.get('task')} done: {_short(data.get('title') or '')}",
    "task_overdue": lambda data, _: f"task {data.get('task')} is overdue: {_short(data.get('title') or '')}",
    "activity_done": lambda data, _: f"{data.get('kind')} done: {_short(data.get('subject') or '')}",
    "activity": lambda data, _: f"{data.get('kind')} planned: {_short(data.get('subject') or '')}",
    "post": lambda data, _: f"posted to the feed: {_short(data.get('text') or '')}",
    "comment": lambda data, _: f"comment: {_short(data.get('text') or '')}",
    "chat_note": lambda data, _: f"note for staff in the chat: {_short(data.get('text') or '')}",
    "invited": lambda data, _: f"invited {data.get('to')} to write to {data.get('bot')}",
    "log": lambda data, _: _short(data.get("text") or ""),
    "linked": lambda data, _: f"linked with {data.get('item')} in {data.get('pipeline')}/{data.get('stage')}",
    "bounced": lambda data, _: f"nothing arrives at {data.get('address')}{_because(data)}",
    "booking_cancelled": lambda data, _: f"booking {data.get('booking')} of {data.get('resource')} cancelled",
    "opted_out": lambda data, _: f"{data.get('contact')} opted out of {data.get('channel')}",
    "excepted": lambda data, _: f"put on the exceptions list: {_names(list(data.get('addresses', ())))}",
}
