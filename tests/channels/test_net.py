"""Where a request may go: the public net, and what the workspace names."""

from __future__ import annotations

import ipaddress

import pytest

from stageauto.channels._net import ForbiddenError, is_open, parse_allowed, targets
from stageauto.channels.base import ChannelError


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_of_the_public_net_is_closed(address: str) -> None:
    assert not is_open(ipaddress.ip_address(address), 443)
    with pytest.raises(ForbiddenError):
        targets(f"[{address}]" if ":" in address else address, 443)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
)
def test_an_address_of_the_public_net_is_open(address: str) -> None:
    assert targets(address, 443) == [ipaddress.ip_address(address)]


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "①②⑦.⓪.⓪.①",
        "1.1.1.1.",
        "16843009",
        "fe80::1%eth0",
        "[fe80::1%25lo]",
    ],
)
def test_an_address_in_disguise_is_refused_even_where_the_workspace_allows_it(host: str) -> None:
    with pytest.raises(ForbiddenError):
        targets(host, 80, parse_allowed(["127.0.0.1", "fe80::/10"]))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST"])
def test_a_name_that_leads_to_this_machine_is_refused(host: str) -> None:
    with pytest.raises(ForbiddenError, match="not on the public net"):
        targets(host, 80)


def test_a_name_counts_by_its_addresses() -> None:
    assert targets("localhost", 9000, parse_allowed(["127.0.0.1:9000"])) == [ipaddress.ip_address("127.0.0.1")]


@pytest.mark.parametrize(
    ("entry", "address", "port", "good"),
    [
        ("10.0.5.0/24:8080", "10.0.5.7", 8080, True),
        ("10.0.5.0/24:8080", "10.0.5.7", 8081, False),
        ("10.0.5.0/24:8080", "10.0.6.7", 8080, False),
        ("10.0.5.0/24", "10.0.5.7", 1, True),
        ("127.0.0.1:9000", "127.0.0.1", 9000, True),
        ("127.0.0.1:9000", "127.0.0.2", 9000, False),
        ("127.0.0.1:9000", "::ffff:127.0.0.1", 9000, True),
        ("[fd00::]/8:443", "fd12::1", 443, True),
        ("[fd00::]/8:443", "fd12::1", 80, False),
        ("[::1]:9000", "::1", 9000, True),
        ("fd00::/8", "fd12::1", 80, True),
        ("0.0.0.0/0", "224.0.0.1", 80, False),
        ("0.0.0.0/0", "0.0.0.0", 80, False),
        ("::/0", "ff02::1", 80, False),
    ],
)
def test_the_workspace_names_nets_with_their_ports(entry: str, address: str, port: int, good: bool) -> None:
    assert is_open(ipaddress.ip_address(address), port, parse_allowed([entry])) is good


@pytest.mark.parametrize("entry", ["", "intra", "10.0.5.1/24:8080", "10.0.5.0/33", "10.0.5.0:80:80", "[fd00::/8:443"])
def test_an_entry_that_is_no_net_is_told(entry: str) -> None:
    with pytest.raises(ChannelError, match="allow_private"):
        parse_allowed([entry])


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ForbiddenError, match="no port"):
        targets("1.1.1.1", port)
