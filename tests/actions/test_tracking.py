"""Tracked links: only targets of links change, byte for byte, and only for customers."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.actions import _tracking
from stageauto.actions._tracking import html_links, text_links, with_pixel
from stageauto.engine.links import is_token
from tests.actions.conftest import Bench, faults


def tracked(target: str) -> str:
    """A target written so that it can be read again."""
    return f"https://t.test/{target.encode().hex()}" if target.startswith("http") else target


def test_links_in_text_change_without_the_signs_behind_them() -> None:
    seen: list[str] = []

    def rewrite(url: str) -> str:
        seen.append(url)
        return "T"

    text = "At https://a.test/x. (See http://b.test/y?z=1), <https://c.test>! https://d.test/R_(roof)"
    assert text_links(text, rewrite) == "At T. (See T), <T>! T"
    assert seen == ["https://a.test/x", "http://b.test/y?z=1", "https://c.test", "https://d.test/R_(roof)"]


def test_only_the_targets_of_links_change_in_html() -> None:
    html = (
        "<p title='x'>Ä &amp; <A class=b\n HREF='https://a.test/?x=1&amp;y=2' target=_blank>here</A> <a name=n>n</a>"
        '<a href="mailto:a@b.test">mail</a><a href="#top">up</a><img src="https://a.test/i.png">'
        "<script>'<a href=\"https://no.test\">'</script><!-- <a href='https://no.test'> --></p>\r\n<area href=https://b.test>"
    )
    changed = html_links(html, tracked)
    assert changed == html.replace(
        "<A class=b\n HREF='https://a.test/?x=1&amp;y=2' target=_blank>",
        f'<a href="{tracked("https://a.test/?x=1&y=2")}" class="b" target="_blank">',
    ).replace("<area href=https://b.test>", f'<area href="{tracked("https://b.test")}">')


@given(st.text(alphabet="<>a hrefA=\"'/&;:\n\r-!ét", max_size=200))
def test_html_without_web_addresses_stays_as_it_is(html: str) -> None:
    assert html_links(html, lambda target: target) == html


@given(
    st.lists(
        st.sampled_from(
            ["<a href='https://x.test/1'>", '<a href="https://x.test/2&amp;3">', "text\n", "é<b>", "</a>", "\r\n"]
        )
    )
)
def test_what_is_rewritten_can_be_read_back(parts: list[str]) -> None:
    html = "".join(parts)
    changed = html_links(html, tracked)
    targets = re.findall(r"""<a href=["'](https://[^"']+)["']>""", html)
    found = [bytes.fromhex(one).decode() for one in re.findall(r'<a href="https://t\.test/([0-9a-f]+)">', changed)]
    assert found == [unescape(one) for one in targets]
    assert re.sub(r"<a[^>]*>", "<a>", changed) == re.sub(r"<a[^>]*>", "<a>", html)


def test_the_pixel_is_the_last_thing_in_the_body() -> None:
    assert (
        with_pixel("<body>x</BODY ></html>", "u?a&b")
        == '<body>x<img src="u?a&amp;b" alt="" width="1" height="1"></BODY ></html>'
    )
    assert with_pixel("x", "u").startswith("x<img")


MAIL = """
from: workspace
subject: Hello
body: "See https://acme.test/a and https://acme.test/a"
html: '<a href="https://acme.test/a">a</a>'
track_links: true
track_opens: true
unsubscribe: true
"""


def test_without_a_base_url_a_mail_stays_as_it_is(bench: Bench) -> None:
    message = bench.one("send_email", MAIL).message
    assert message["text"] == "See https://acme.test/a and https://acme.test/a"
    assert message["headers"] == {"List-Unsubscribe": "<mailto:office@acme.test?subject=unsubscribe>"}
    assert faults("send_email", MAIL) == ["no-base-url", "no-base-url"]
    assert "no-effect" in faults("send_email", "from: workspace\nsubject: x\nbody: x\ntrack_opens: true")


def test_a_customer_gets_links_of_their_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.actions import conftest

    monkeypatch.setattr(conftest, "STAGEAUTO", conftest.STAGEAUTO + "base_url: https://crm.acme.test\n")
    sent, *links = bench.plan("send_email", MAIL)
    assert [(one.kind, one.target) for one in links] == [
        ("link", "https://acme.test/a"), ("open", "ewa@home.test"), ("unsubscribe", "ewa@home.test"),
    ]  # fmt: skip
    assert links[0].data == {"rule": "it", "email": "ewa@home.test", "contact": "ewa"}
    token = re.findall(r"https://crm\.acme\.test/l/(\S+)", sent.message["text"])
    assert len(token) == 2
    assert len(set(token)) == 1  # one target, one link, in text and HTML
    assert is_token(token[0])
    assert f'href="https://crm.acme.test/l/{token[0]}"' in sent.message["html"]
    assert sent.message["headers"]["List-Unsubscribe"].startswith("<https://crm.acme.test/u/")
    assert sent.message["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert faults("send_email", MAIL) == []


def test_staff_is_not_tracked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.actions import conftest

    monkeypatch.setattr(conftest, "STAGEAUTO", conftest.STAGEAUTO + "base_url: https://crm.acme.test\n")
    sent = bench.one("send_email", MAIL + "to: responsible\n")
    assert "https://acme.test/a" in sent.message["text"]


def test_a_mail_of_very_many_links_is_tracked_up_to_a_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.actions import conftest

    monkeypatch.setattr(conftest, "STAGEAUTO", conftest.STAGEAUTO + "base_url: https://crm.acme.test\n")
    words = " ".join(f"https://acme.test/{number}" for number in range(_tracking.MOST_LINKS + 5))
    sent, *links = bench.plan("send_email", f'from: workspace\nsubject: x\nbody: "{words}"\ntrack_links: true')
    assert len(links) == _tracking.MOST_LINKS
    assert "https://acme.test/304" in sent.message["text"]
