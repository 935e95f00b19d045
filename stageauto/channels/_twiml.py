"""What Twilio is told to do in a call: TwiML, with loudness and pace as SSML's `<prosody>`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from stageauto.channels._http_parts import BadRequestError

MOST = 4000  # characters of inline TwiML, by Twilio's reference of the Call resource
PLAIN_VOICES = frozenset(["man", "woman", "alice"])  # know no SSML
SLOWEST, FASTEST = 20, 200  # percent, as the voices' makers have it


def twiml(message: Mapping[str, Any]) -> str:
    """The document for a call's `say` or `play`. Raises BadRequestError."""
    say = message.get("say")
    inner = _say(say) if isinstance(say, Mapping) else _play(str(message.get("play") or ""))
    document = f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'
    if len(document) > MOST:
        raise BadRequestError(f"the call's text is too long: {len(document)} of {MOST} characters", "too_long")
    return document


def _play(url: str) -> str:
    if not url:
        raise BadRequestError("the call has nothing to say and nothing to play", "no_text")
    return f"<Play>{escape(_clean(url))}</Play>"


def _say(say: Mapping[str, Any]) -> str:
    text = _clean(str(say.get("text") or "")).strip()
    if not text:
        raise BadRequestError("the call has nothing to say", "no_text")
    voice = str(say.get("voice") or "")
    attributes = "".join(
        f" {name}={quoteattr(_clean(value))}"
        for name, value in (("voice", voice), ("language", str(say.get("language") or "")))
        if value
    )
    prosody = _prosody(say)
    if prosody and voice.lower() in PLAIN_VOICES:
        raise BadRequestError(
            f"the voice `{voice}` knows neither volume nor speed; Polly.Amy is one that does", "bad_voice"
        )
    spoken = f"<prosody{prosody}>{escape(text)}</prosody>" if prosody else escape(text)
    return f"<Say{attributes}>{spoken}</Say>"


def _prosody(say: Mapping[str, Any]) -> str:
    """The attributes: volume 0 to 100 as decibels below the voice's own loudness, speed 1 as 100 percent."""
    volume, speed = say.get("volume"), say.get("speed")
    said = ""
    if volume is not None:
        level = f"{20 * math.log10(min(volume, 100) / 100):+.1f}dB" if volume > 0 else "silent"
        said += f' volume="{level}"'
    if speed is not None:
        said += f' rate="{min(max(round(speed * 100), SLOWEST), FASTEST)}%"'
    return said


def _clean(text: str) -> str:
    """Without what XML 1.0 has no way to write."""
    return "".join(
        ch for ch in text if ch in "\t\n\r" or "\x20" <= ch <= "\ud7ff" or "\ue000" <= ch <= "\ufffd" or ch > "\uffff"
    )
