"""How much one address may ask for: a bucket that fills up again, for as many addresses as memory is meant for."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stageauto.web.routing import Request

MOST_ADDRESSES = 20_000
_THROUGH_A_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@dataclass(slots=True)
class _Bucket:
    level: float
    at: int


class Allowance:
    """`count` in `span` ms for each key. Of too many keys the one seen longest ago is forgotten."""

    def __init__(self, count: int, span: int, most: int = MOST_ADDRESSES) -> None:
        self._count = count
        self._span = span
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def charge(self, key: str, now: int, cost: int) -> None:
        """Takes as much as there is, up to the cost: a fine."""
        bucket = self._filled(key, now)
        bucket.level = max(0.0, bucket.level - cost)

    def take(self, key: str, now: int, cost: int = 1) -> int:
        """0 where it is granted; else the milliseconds after which it would be. `now`: monotonic ms."""
        bucket = self._filled(key, now)
        if bucket.level >= cost:
            bucket.level -= cost
            return 0
        return max(1, int((cost - bucket.level) * self._span / self._count) + 1)

    def _filled(self, key: str, now: int) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(float(self._count), now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.level = min(self._count, bucket.level + (now - bucket.at) * self._count / self._span)
        bucket.at = now
        return bucket


def network_of(address: str) -> str:
    """By what an address is counted: an IPv4 address itself, of IPv6 its /64, which one household has."""
    if ":" not in address:
        return address
    try:
        six = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(six.ipv4_mapped or ipaddress.ip_network((six, 64), strict=False))


def from_here(request: Request) -> bool:
    """Whether a request comes from this machine itself; what comes through a proxy on it does not."""
    if any(name in request.headers for name in _THROUGH_A_PROXY):
        return False
    try:
        return ipaddress.ip_address(request.address).is_loopback
    except ValueError:
        return False
