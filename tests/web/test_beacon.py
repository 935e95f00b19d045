"""The visit beacon: visits of visitors who are known from a form, and of nobody else."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Answer, Served

VISITOR = "v" + "0123456789abcdef" * 2
SITE = {"Origin": "https://acme.test", "Content-Type": "text/plain"}


def visit(served: Served, **more: Any) -> Answer:
    told = {"visitor": VISITOR, "page": "/prices?token=secret", "first": True, "referrer": "https://search.test/"}
    return served.ask("POST", "/v", {**told, **more}, SITE)


def test_who_sent_a_form_is_known_when_coming_again(served: Served) -> None:
    assert visit(served).status == 204
    assert not served.journal()
    served.form("/forms/website", {"name": "Ewa", "email": "ewa@home.test", "visitor": VISITOR})
    got = visit(served, campaign="spring")
    assert (got.status, got.headers["access-control-allow-origin"]) == (204, "https://acme.test")
    visit(served, first=False, page="/roofs")
    seen = [(one.type, one.data["page"], one.items) for one in served.journal()[1:]]
    item = served.items()[0].id
    assert seen == [
        ("site.visited", "/prices", [item]), ("site.returned", "/prices", [item]), ("site.visited", "/roofs", [item]),
    ]  # fmt: skip
    assert served.journal()[1].data["campaign"] == "spring"


def test_other_sites_and_made_up_visitors_start_nothing(served: Served) -> None:
    evil = {"Origin": "https://evil.test"}
    assert served.ask("POST", "/v", {"visitor": VISITOR}, evil).status == 403
    assert served.ask("POST", "/v", {"visitor": VISITOR}).status == 403
    for visitor in ("ewa@home.test", "contact-1", VISITOR.upper(), 7, None, "v" * 33):
        assert visit(served, visitor=visitor).status == 204
    assert served.ask("POST", "/v", "[", SITE).status == 400
    assert not served.journal()


def test_the_script_is_small_and_knows_where_it_tells(served: Served) -> None:
    got = served.ask("GET", "/v.js")
    assert got.status == 200
    assert len(got.body) < 2048
    assert f'"{served.url}", 1)' in got.text
    assert "cookie" not in got.text.replace("Cookie", "")
