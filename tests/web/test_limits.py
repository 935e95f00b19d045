"""What one address may ask for, and where a request goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.web.limits import Allowance, network_of
from stageauto.web.routing import HttpError, Reply, Request, Route, Router, redirect
from stageauto.web.site import Site


async def nothing(_site: Site, _request: Request) -> Reply:
    return Reply()


ROUTER = Router(
    [Route("GET", "/l/{token}", nothing), Route("POST", "/events", nothing), Route("GET", "/o/{t}.gif", nothing)],
    "/crm",
)


def test_an_allowance_fills_up_again() -> None:
    allowance = Allowance(10, 1_000)
    assert [allowance.take("a", 0) for _ in range(11)] == [0] * 10 + [101]
    assert allowance.take("b", 0) == 0
    assert allowance.take("a", 100) == 0
    assert allowance.take("a", 100) > 0
    assert allowance.take("a", 5_000, cost=10) == 0


def test_a_fine_takes_what_there_is_and_no_more() -> None:
    allowance = Allowance(4, 1_000)
    allowance.charge("a", 0, 10)
    assert allowance.take("a", 0) > 0
    assert allowance.take("a", 250) == 0


def test_no_more_addresses_are_kept_than_memory_is_meant_for() -> None:
    allowance = Allowance(1, 1_000, most=3)
    for name in "abcd":
        assert allowance.take(name, 0) == 0
    assert allowance.take("d", 0) > 0
    assert allowance.take("a", 0) == 0  # forgotten


@pytest.mark.parametrize(
    ("address", "net"),
    [("203.0.113.9", "203.0.113.9"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("::ffff:10.0.0.1", "10.0.0.1"),
     ("fe80::1%eth0", "fe80::/64"), ("odd:thing", "odd:thing")],
)  # fmt: skip
def test_a_household_counts_as_one(address: str, net: str) -> None:
    assert network_of(address) == net


@pytest.mark.parametrize("path", ["/l/abc", "/crm/l/abc", "/crm/l/%61bc"])
def test_a_path_is_found_below_the_base_or_without_it(path: str) -> None:
    assert ROUTER.find("GET", path)[2] == {"token": "abc"}


@pytest.mark.parametrize("method", ["POST", "DELETE", "TRACE", "get"])
def test_another_method_is_told_which_there_are(method: str) -> None:
    with pytest.raises(HttpError) as error:
        ROUTER.find(method, "/l/abc")
    assert (error.value.status, error.value.headers) == (405, {"Allow": "GET"})


@given(st.text(max_size=60))
def test_no_path_leads_anywhere_but_to_its_route(text: str) -> None:
    try:
        route, path, arguments = ROUTER.find("GET", f"/l/{text}")
    except HttpError:
        return
    assert route.path in ("/l/{token}", "/o/{t}.gif")
    assert ".." not in path.split("/")
    assert all("/" not in one and one.isascii() for one in arguments.values())


@given(st.text(max_size=60))
def test_a_redirect_is_one_line_of_plain_letters(target: str) -> None:
    location = redirect(target).headers["Location"]
    assert location.isascii()
    assert not set(location) & set('\r\n\0 <>"')
