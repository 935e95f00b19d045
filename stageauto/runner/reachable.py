"""What the world can reach of a workspace: its listener, and what would be refused there for lack of a setting."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from stageauto.channels.base import reveal

if TYPE_CHECKING:
    from stageauto.engine.model import Channel, Workspace

OK, WARN = "ok", "warn"
TIMEOUT = 3.0
Said = tuple[str, str, str]  # level, text, hint


def said(workspace: Workspace) -> Iterator[Said]:
    """(level, text, hint) of each thing to know, the address first."""
    asked = offered(workspace)
    if not workspace.base_url:
        if asked:
            hint = "set `base_url` in stageauto.yaml and start `stageauto run --listen HOST:PORT`"
            yield OK, f"no `base_url`, so nobody outside reaches {', '.join(asked)}", hint
        return
    if find_spec("aiohttp") is None or find_spec("prometheus_client") is None:
        yield WARN, "`run --listen` needs more packages", "pip install 'stageauto[web]'"
    what = f" for {', '.join(asked)}" if asked else ""
    if _answers(workspace.base_url):
        yield OK, f"{workspace.base_url} answers{what}", ""
    else:
        hint = "start `stageauto run --listen HOST:PORT`, and let your proxy lead there"
        yield WARN, f"{workspace.base_url} does not answer{what}", hint
    for name, one in workspace.hooks.items():
        if not reveal(one.get("secret")):
            yield WARN, f"the hook `{name}` has no secret: every call is refused", "give it a `secret`"
    for channel in workspace.channels.values():
        yield from _callbacks(channel)


def offered(workspace: Workspace) -> list[str]:
    """What a listener would serve, in words."""
    counted = ((len(workspace.forms), "form"), (len(workspace.hooks), "hook"))
    found = [f"{count} {word}{'s' if count > 1 else ''}" for count, word in counted if count]
    kinds = {
        "live_chat": "live chat",
        "telegram": "Telegram",
        "twilio": "Twilio",
        "edna": "edna",
        "lox24": "LOX24",
        "sms_http": "SMS gateways",
    }
    asked = ("lox24", "sms_http")  # these tell us nothing unless somebody set it up
    there = {
        one.type for one in workspace.channels.values() if one.type not in asked or reveal(one.options.get("secret"))
    }
    return found + [words for kind, words in kinds.items() if kind in there]


def _callbacks(channel: Channel) -> Iterator[Said]:
    """A provider whose callbacks cannot be told from forged ones has them all refused."""
    needed = {"telegram": "secret", "edna": "secret"}.get(channel.type)
    if needed and not reveal(channel.options.get(needed)):
        text = f"the channel `{channel.name}` has no `{needed}`: what {channel.type} tells us is refused"
        yield WARN, text, f"set `{needed}`, or take no notice where nobody writes to you there"
    if channel.type == "twilio" and channel.options.get("key"):
        text = f"the channel `{channel.name}` logs in by `key`: Twilio signs its calls to us with the account's token"
        yield WARN, text, "use the account's auth token as `token`, without `key`, where Twilio calls you"


def _answers(base_url: str) -> bool:
    import httpx2

    try:
        got = httpx2.get(f"{base_url}/healthz", timeout=TIMEOUT, follow_redirects=False, trust_env=False)
    except (httpx2.HTTPError, OSError, ValueError):
        return False
    return bool(got.status_code == 200)
