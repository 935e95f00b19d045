"""What the tests of the audience channels share: deliveries, batches, a rig."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stageauto.channels._audience import AudienceChannel
from stageauto.channels.base import Outcome
from stageauto.engine.state import Delivery
from stageauto.testing import ProviderRig
from tests.channels.providers.stand_in import StandIn
from tests.channels.support import NOW, Secret, channel, context, delivery


def going(
    key: str, *, emails: Sequence[str] = (), phones: Sequence[str] = (), add: bool = True, at: int = NOW,
    audience: str = "spring",
) -> Delivery:  # fmt: skip
    """A delivery that adds the addresses to the audience or takes them out."""
    message = {
        "audience": audience,
        "operation": "add" if add else "remove",
        "emails": list(emails),
        "phones": list(phones),
    }
    made = delivery("audience", message, key, to=(*emails, *phones, "nobody")[0])
    made.decided_at = at
    return made


def people(count: int, *, start: int = 0) -> list[Delivery]:
    """So many customers, each with one e-mail."""
    return [going(f"k{one}", emails=[f"k{one}@home.test"]) for one in range(start, start + count)]


class Points:
    """A point of no return that keeps who passed it, and calls off whom it is told to."""

    def __init__(self, *called_off: str) -> None:
        self.passed: list[list[str]] = []
        self.called_off = set(called_off)

    def __call__(self, some: Sequence[Delivery]) -> Sequence[Delivery]:
        allowed = [one for one in some if one.key not in self.called_off]
        self.passed.append([one.key for one in allowed])
        return allowed


def send(one: AudienceChannel, deliveries: Sequence[Delivery], points: Points | None = None) -> list[Outcome]:
    """The outcomes of a batch."""
    return list(one.send_many(deliveries, points or Points()))


def made(
    kind: type[AudienceChannel], name: str, options: dict[str, Any], *, audiences: dict[str, dict[str, Any]],
    on_unknown: str = "resend", **lent: Any,
) -> AudienceChannel:  # fmt: skip
    """A channel of that type."""
    lent.setdefault("allow_private", ("127.0.0.1",))
    made_channel = channel(name, "ads", on_unknown=on_unknown, **options)
    return kind(made_channel, context(lent.pop("root", Path()), audiences=audiences, **lent))


class AudienceRig(ProviderRig):
    """A rig whose customers have one e-mail each; subclasses say the channel's class, options and audience."""

    kind: type[AudienceChannel]
    name: str
    audience: dict[str, Any]

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in

    @abstractmethod
    def options(self, url: str, secret: str) -> dict[str, Any]:
        """As the network has it."""

    @abstractmethod
    def hashes(self) -> list[str]:
        """What the network took, in order."""

    @abstractmethod
    def hash_of(self, address: str) -> str:
        """As the network has it."""

    def misbehave(self, mishap: str) -> None:
        self.stand_in.mishaps.append(mishap)

    def channel_with(
        self, *, timeout: float = 10.0, secret: str | None = None, on_unknown: str | None = None,
        url: str | None = None, allow_private: tuple[str, ...] = ("127.0.0.1",),
    ) -> AudienceChannel:  # fmt: skip
        options = self.options(url or self.stand_in.url, secret or self.secret)
        options = {
            name: Secret(value) if value == (secret or self.secret) else value for name, value in options.items()
        }
        return made(
            self.kind, self.name, options, audiences={"spring": self.audience}, on_unknown=on_unknown or "resend",
            timeout=timeout, allow_private=allow_private,
        )  # fmt: skip

    def delivery(self, key: str) -> Delivery:
        return going(key, emails=[f"{key}@home.test"])

    def broken(self) -> Delivery:
        return going("k-0", phones=["112"])

    def arrived(self) -> list[str]:
        keys = [f"k-{one}" for one in range(20)] + [f"k-{one}" for one in ("", 400, 401, 429, 500, "cut")]
        by_hash = {self.hash_of(f"{key}@home.test"): key for key in keys}
        return [by_hash[one] for one in self.hashes()]
