"""Keeps outgoing requests out of private nets.

A name is resolved once, every address is tested, and the caller connects to a tested address, never to the name.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from stageauto.channels.base import ChannelError

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Net = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_ADDRESSES = 4
HIGHEST_PORT = 65535
# What resolvers and C libraries read as an IPv4 address although it is not written as one: 127.1, 0x7f.1, 2130706433.
LIKE_A_NUMBER = re.compile(r"(?:.*\.)?(?:0[xX][0-9a-fA-F]*|[0-9]+)\.?")

# Beside what `ipaddress` calls not global (private, loopback, link-local with the metadata addresses, CGNAT, ...):
# older Pythons miss some of these, and a cloud's own services stand on addresses that look public.
CLOSED: tuple[Net, ...] = tuple(
    ipaddress.ip_network(one)
    for one in [
        "0.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ]
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NEVER: tuple[Net, ...] = tuple(ipaddress.ip_network(one) for one in ["0.0.0.0/8", "224.0.0.0/3", "::/128", "ff00::/8"])


class ForbiddenError(Exception):
    """A request may not go there: a sentence."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """An entry of `network.allow_private`: a net, and one port or any."""

    net: Net
    port: int | None


def parse_allowed(entries: Sequence[str]) -> tuple[Allowed, ...]:
    """From texts like `10.0.5.0/24:8080`, `127.0.0.1:9000`, `[fd00::]/8:443`, `10.1.2.3` (any port).

    Raises ChannelError.
    """
    return tuple(_allowed(one) for one in entries)


def _allowed(entry: str) -> Allowed:
    found = re.fullmatch(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[0-9.]+))(?P<bits>/\d{1,3})?(?::(?P<port>\d{1,5}))?", entry)
    try:
        if found is None:
            return Allowed(ipaddress.ip_network(entry), None)
        net = ipaddress.ip_network((found["six"] or found["four"]) + (found["bits"] or ""))
    except ValueError as error:
        hint = "write an address or a net, with a port or without: 10.0.5.0/24:8080, 127.0.0.1:9000, [::1]:9000"
        raise ChannelError(f"`network.allow_private`: `{entry}` is no net: {error}", hint) from error
    return Allowed(net, int(found["port"]) if found["port"] else None)


def targets(host: str, port: int, allowed: Sequence[Allowed] = ()) -> list[Ip]:
    """The addresses of the host to which a request may go, at most 4, in the resolver's order.

    Raises ForbiddenError where there is none, and OSError (socket.gaierror) where the name cannot be resolved.
    """
    if not 0 < port <= HIGHEST_PORT:
        raise ForbiddenError(f"{port} is no port")
    name = host.strip("[]")
    literal = _literal(name)
    found = [literal] if literal is not None else _resolve(name, port)
    good = [address for address in found if is_open(address, port, allowed)]
    if not good:
        seen = ", ".join(dict.fromkeys(str(address) for address in found))
        raise ForbiddenError(
            f"{name} ({seen}) is not on the public net; `network.allow_private` can name it with its port {port}"
        )
    return list(dict.fromkeys(good))[:MOST_ADDRESSES]


def _literal(name: str) -> Ip | None:
    """The address where the host is one. Raises ForbiddenError for the odd spellings of one."""
    if "%" in name:
        raise ForbiddenError(f"{name} names a network card of this machine")
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        if LIKE_A_NUMBER.fullmatch(unicodedata.normalize("NFKC", name)):
            raise ForbiddenError(f"{name} is an address in disguise; write it as four numbers") from None
        return None


def _resolve(name: str, port: int) -> list[Ip]:
    try:
        rows = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise ForbiddenError(f"{name!r} is no host name") from error
    return [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows]


def is_open(address: Ip, port: int, allowed: Sequence[Allowed] = ()) -> bool:
    """True for an address of the public net, and for one that the workspace names."""
    inner = _embedded(address)
    if inner is not None:
        # An IPv4 address inside an IPv6 one is reached as what it is, so that is what counts.
        return is_open(inner, port, allowed)
    if any(address in net for net in NEVER if net.version == address.version):
        return False
    for one in allowed:
        if one.net.version == address.version and address in one.net and one.port in {None, port}:
            return True
    closed = any(address in net for net in CLOSED if net.version == address.version)
    return address.is_global and not address.is_multicast and not address.is_reserved and not closed


def _embedded(address: Ip) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
