"""Twilio's callbacks: messages and calls that come in, how calls ended, and whether messages arrived.

https://www.twilio.com/docs/messaging/guides/webhook-request and https://www.twilio.com/docs/voice/twiml#twilios-request
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from stageauto.engine.model import Channel
from stageauto.loader.wording import FIRST
from stageauto.runner.intake import Raw
from stageauto.web.bodies import clean
from stageauto.web.look import Words, words_of
from stageauto.web.providers import DELIVERED, FAILED, channel_of, demand, filled, pairs_of, report, vouch
from stageauto.web.routing import FREE, Reply, Request, Route
from stageauto.web.signatures import Verdict, twilio
from stageauto.web.site import Site

_XML = "text/xml; charset=utf-8"
RESULTS: Final[Mapping[str, str]] = {
    "completed": "answered", "busy": "busy", "no-answer": "no_answer", "failed": "failed", "canceled": "no_answer",
}  # fmt: skip
"""Twilio's words for how a call ended, and ours."""
ARRIVED: Final[Mapping[str, str]] = {"delivered": DELIVERED, "undelivered": FAILED, "failed": FAILED}
"""Twilio's words for what became of a message, and our events."""
_OVER = {"no_answer": "call.missed", "busy": "call.missed", "failed": "call.missed", "answered": "call.received"}


SPOKEN: Final[Mapping[str, str]] = {
    "de": "de-DE", "en": "en-GB", "es": "es-ES", "fr": "fr-FR", "pl": "pl-PL", "ru": "ru-RU",
}  # fmt: skip
"""Our languages that the voice speaks which Twilio takes where none is named, and its words for them."""
HIDDEN: Final = frozenset(("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"))
"""What Twilio gives as the number of a caller who hides it: ANONYMOUS, RESTRICTED, ... on the keys of a phone."""


def shown(number: str) -> str:
    """The number, or nothing where it is hidden or a word: those who hide theirs are not all one customer."""
    return number if number not in HIDDEN and any(ch.isdigit() for ch in number) else ""


def _checked(site: Site, request: Request) -> tuple[Channel, dict[str, str]]:
    """The channel and the fields of a request that Twilio signed. Raises HttpError 401."""
    channel = channel_of(site, request, "twilio")
    pairs = pairs_of(request)
    query = f"?{request.raw_query}" if request.raw_query else ""
    url = f"{site.workspace.base_url}{request.path}{query}"
    token = site.secret(channel.options.get("token"))
    given = request.headers.get("x-twilio-signature", "")
    verdict = twilio(token, url, pairs, given) if token else Verdict.FORGED
    demand(site, request, channel, verdict)
    return channel, {name: clean(value) for name, value in pairs}


def _twiml(inner: str = "") -> Reply:
    return Reply(200, f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{inner}</Response>\n'.encode(), _XML)


async def message(site: Site, request: Request) -> Reply:
    """A text message came in."""
    channel, found = _checked(site, request)
    sender = found.get("From", "")
    number = shown(sender)
    data = {
        "from": sender, "number": number, "phone": number, "to": found.get("To", ""), "text": found.get("Body", ""),
        "channel": channel.name, "message_id": found.get("MessageSid", ""),
    }  # fmt: skip
    await site.offer(_raw("sms.received", channel, found.get("MessageSid", ""), "message", data))
    return _twiml()


async def call(site: Site, request: Request) -> Reply:
    """Somebody calls: on to who is responsible for the caller's newest open item, else to nobody, and politely."""
    channel, found = _checked(site, request)
    number = _staff_number(site, shown(found.get("From", "")))
    if not number:
        await _ended(site, channel, found, "no_answer")
        return _twiml(f"{_nobody(site, shown(found.get('From', '')))}<Hangup/>")
    after = f"{site.workspace.base_url}/twilio/{channel.name}/dialed"
    return _twiml(f'<Dial timeout="25" action="{escape(after)}" method="POST">{escape(number)}</Dial>')


def _nobody(site: Site, caller: str) -> str:
    """What is said where nobody takes the call: in the caller's language, where Twilio's usual voice speaks it."""
    with site.read() as state:
        contacts = (state.contact(one) for one in (state.find_contacts(caller) if caller else ()))
        wanted = [one.language for one in contacts if one is not None]
    words = words_of(site.workspace, *wanted)
    if words.language not in SPOKEN:
        words = Words(FIRST)
    return f'<Say language="{SPOKEN[words.language]}">{words.html("call_missed")}</Say>'


def _staff_number(site: Site, caller: str) -> str:
    """The phone of who is responsible for what the caller has open."""
    with site.read() as state:
        for contact_id in state.find_contacts(caller) if caller else ():
            items = (state.item(item_id) for item_id in reversed(state.items_of_contact(contact_id)))
            for item in items:
                user = site.workspace.users.get((item.responsible if item and not item.closed else None) or "")
                if user is not None and user.phone:
                    return "".join(ch for ch in user.phone if ch.isdigit() or ch == "+")
    return ""


async def dialed(site: Site, request: Request) -> Reply:
    """What came of passing a call on."""
    channel, found = _checked(site, request)
    result = RESULTS.get(found.get("DialCallStatus", ""), "no_answer")
    await _ended(site, channel, {**found, "CallDuration": found.get("DialCallDuration", "")}, result)
    return _twiml()


async def status(site: Site, request: Request) -> Reply:
    """How a call ended, ours or a customer's; what comes before its end is only taken notice of."""
    channel, found = _checked(site, request)
    result = RESULTS.get(found.get("CallStatus", ""))
    if result is not None:
        await _ended(site, channel, found, result, key=request.query.get("key", "")[:100])
    return _twiml()


async def message_status(site: Site, request: Request) -> Reply:
    """What became of a text message of ours; the steps on the way there are only taken notice of."""
    channel, found = _checked(site, request)
    kind = ARRIVED.get(found.get("MessageStatus", ""))
    if kind is not None:
        code = found.get("ErrorCode", "")
        reason = f"Twilio: {found['MessageStatus']}" + (f" ({code})" if code else "") if kind == FAILED else ""
        await report(site, channel, kind, request.query.get("key", "")[:100], {"code": code, "reason": reason})
    return _twiml()


async def _ended(site: Site, channel: Channel, found: Mapping[str, str], result: str, key: str = "") -> None:
    """The events of a call that is over, each once: of a customer's that it was received or missed, then its end."""
    sid = found.get("CallSid", "")
    outward = bool(key) or found.get("Direction", "inbound").startswith("outbound")
    if key:
        _vouch(site, channel, key, sid)
    number = shown(found.get("To" if outward else "From", ""))
    duration = found.get("CallDuration", "")
    data = filled({
        "from": shown(found.get("From", "")), "to": found.get("To", ""), "number": number, "phone": number,
        "channel": channel.name, "call": [one for one in (key, sid) if one] if outward else sid,
        "name": found.get("CallerName", ""),
    })  # fmt: skip
    if not outward and not _known(site, channel, sid):
        await site.offer(_raw(_OVER[result], channel, sid, "call", data))
    elif not outward:
        return  # its end was told before: a call that was passed on is over twice
    more = filled({
        "result": result, "duration": int(duration) if duration.isdigit() else None,
        "direction": "out" if outward else "in", "recording": found.get("RecordingUrl", ""),
    })  # fmt: skip
    if outward or result == "answered":
        await site.offer(_raw("call.finished", channel, sid, "finished", {**data, **more}))


def _vouch(site: Site, channel: Channel, key: str, sid: str) -> None:
    with site.read() as state:
        item = state.item_of_token("call", key)
        found = [one for one in state.deliveries(item=item) if one.key == key] if item else []
    for one in found:
        if one.channel == channel.name:
            vouch(site, one, filled({"sid": sid, "call": sid}))


def _known(site: Site, channel: Channel, sid: str) -> bool:
    with site.read() as state:
        return state.event_known(f"twilio:{channel.name}:call:{sid[:80]}")


def _raw(kind: str, channel: Channel, sid: str, what: str, data: Mapping[str, object]) -> Raw:
    event_id = f"twilio:{channel.name}:{what}:{sid[:80]}" if sid else ""
    return Raw(kind, filled(data), id=event_id, source=f"channel:{channel.name}")


def routes() -> list[Route]:
    """The routes of this group."""
    return [
        Route("POST", "/twilio/{channel}/message", message, cost=FREE),
        Route("POST", "/twilio/{channel}/call", call, cost=FREE),
        Route("POST", "/twilio/{channel}/dialed", dialed, cost=FREE),
        Route("POST", "/twilio/{channel}/status", status, cost=FREE),
        Route("POST", "/twilio/{channel}/message-status", message_status, cost=FREE),
    ]
