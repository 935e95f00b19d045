"""The channel `apprise`: notifications for staff, through Slack, Teams, Matrix, ntfy and a hundred others."""

from __future__ import annotations

import importlib
import logging
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from stageauto.channels.base import (
    ChannelContext,
    ChannelError,
    ChannelType,
    Delivered,
    Outcome,
    Rejected,
    Retry,
    settings,
)
from stageauto.engine.model import Channel
from stageauto.engine.options import Plain, option
from stageauto.engine.state import Delivery

NOT_THERE = ("NewConnectionError", "ConnectTimeoutError", "NameResolutionError", "SSLError", "ProxyError")
BROKE = ("Exception", "Connection Error", "Timeout", "timed out")
SLOW_DOWN, PAUSE = "error=429", 60_000
MOST_OF_WORDS = 200


@dataclass(frozen=True, slots=True, repr=False)
class AppriseOptions:
    """The options of an `apprise` channel."""

    url: str = option(Plain(), "where to, as Apprise writes it (`slack://...`), as `${NAME}` from the environment")


class AppriseChannel(ChannelType):
    """Sends one notification per delivery.

    Apprise tells neither an id nor what it cannot know: whether a message arrived where the answer got lost. It is
    for staff, whom a second message does no harm, and never for customers.

    Example:
        team:
          type: apprise
          url: "ntfys://ntfy.acme.test/${TEAM_TOPIC}"
    """

    type: ClassVar[str] = "apprise"
    kinds: ClassVar[tuple[str, ...]] = ("notify",)
    options: ClassVar[Any] = AppriseOptions

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._said: AppriseOptions = settings(AppriseOptions, channel)
        place = f"channel `{channel.name}`"
        try:
            apprise = _library()
        except ImportError as error:
            raise ChannelError(f"{place} needs Apprise", "pip install 'stageauto[notify]'") from error
        log = logging.getLogger("apprise")
        log.setLevel(logging.DEBUG)  # what tells a refusal from a lost answer is said there only
        log.propagate = False  # and it is said with addresses and texts, which are no matter for anybody's log
        if _made(apprise, self._said.url) is None:
            raise ChannelError(
                f"{place}: `url` is none that Apprise knows", "see https://appriseit.com for all of them"
            )

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """Delivered where the service took it; Retry where it said no or was not there."""
        message = delivery.message
        text = str(message.get("text") or "").strip()
        if not text:
            return Rejected("the notification has no text", "no_text", undeliverable=True)
        point()
        heard = _Words()
        done: list[bool] = []
        # A service that hangs would hang for as long as it likes: the thread is left behind then.
        thread = threading.Thread(target=self._notify, args=(message, text, heard, done), daemon=True)
        thread.start()
        thread.join(self.context.timeout)
        if thread.is_alive():
            return self.perhaps(f"no answer within {self.context.timeout:g} s")
        return self._sorted(done, heard)

    def _notify(self, message: Any, text: str, heard: _Words, done: list[bool]) -> None:
        apprise = _library()
        sender = _made(apprise, self._said.url)
        heard.thread = threading.get_ident()
        log = logging.getLogger("apprise")
        log.addHandler(heard)
        try:
            title = ": ".join(str(one) for one in (message.get("title"), message.get("from")) if one)
            done.append(bool(sender.notify(body=text, title=title, notify_type=apprise.NotifyType.INFO)))
        except Exception as error:  # noqa: BLE001 - a hundred plugins, any of which may break
            heard.aside.append(f"Exception {type(error).__name__}")
        finally:
            log.removeHandler(heard)

    def _sorted(self, done: list[bool], heard: _Words) -> Outcome:
        if done == [True]:
            return Delivered({"service": self._said.url.partition(":")[0]})
        said = "; ".join((*heard.aside, *heard.warnings))
        words = " ".join(heard.warnings[0].split())[:MOST_OF_WORDS] if heard.warnings else "it does not say why"
        if any(one in said for one in NOT_THERE):
            return Retry(f"the service cannot be reached: {words}")
        if SLOW_DOWN in said:  # for how long Apprise does not say
            return Retry(f"the service asks to go slower: {words}", after=PAUSE)
        if any(one in said for one in BROKE):
            return self.perhaps(f"the service gave no answer: {words}")
        return Retry(f"the service refused it: {words}")


class _Words(logging.Handler):
    """Hears what Apprise says in one thread: the only place where it tells why something failed.

    `warnings` may be shown to people; `aside` holds addresses with tokens in them.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.thread = 0
        self.warnings: list[str] = []
        self.aside: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps what it says."""
        if record.thread == self.thread:
            kept = self.warnings if record.levelno >= logging.WARNING else self.aside
            kept.append(record.getMessage())


@cache
def _library() -> Any:
    """Apprise with its plugins. They warn of what Python takes away one day, which is no matter for who runs them.

    Raises ImportError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = importlib.import_module("apprise")
        found.Apprise.instantiate("json://127.0.0.1")  # the plugins are imported with the first that is asked for
    return found


def _made(apprise: Any, url: str) -> Any:
    return apprise.Apprise.instantiate(url, suppress_exceptions=True)
