"""How pages look and what they say: whose they are, in whose language, in colours that everybody can read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.engine.links import hash_of, make_token
from stageauto.engine.model import Workspace
from stageauto.engine.ports import Changes
from stageauto.engine.state import Link
from stageauto.loader.load import load
from stageauto.loader.wording import FIRST, gaps, languages, words
from stageauto.web.look import READABLE, contrast, look_of, over, readable, style, words_of
from tests.web.conftest import Served, serving

HEAD = "stageauto: 1\ntimezone: Europe/Warsaw\n"
COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


LOGO = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><circle r="4"/></svg>'


def workspace(text: str) -> Workspace:
    loaded = load({"stageauto.yaml": HEAD + text}, env={}, now=0)
    assert loaded.workspace is not None, loaded.diagnostics
    return loaded.workspace


@pytest.mark.parametrize("language", languages())
def test_each_language_has_every_text_with_the_same_gaps(language: str) -> None:
    assert set(words(language)) == set(words(FIRST))
    for name, text in words(language).items():
        assert text.strip(), name
        assert gaps(text) == gaps(words(FIRST)[name]), name


def test_pages_speak_the_customers_language_else_the_workspaces_else_english() -> None:
    polish = workspace("web: {language: pl}\n")
    assert [words_of(polish, *one)("send") for one in (("de-AT",), ("DE",), ("xx",), ("",), ())] == [
        "Absenden", "Absenden", "Wyślij", "Wyślij", "Wyślij",
    ]  # fmt: skip
    assert words_of(workspace(""), "xx").language == "en"
    assert words_of(workspace(""), "pl_PL").language == "pl"


def test_an_admin_changes_texts_and_adds_a_language() -> None:
    made = workspace(
        "web:\n  texts: {cs: {send: Odeslat, missing: 'Chybí {field}'}, pl: {send: Dalej}}\n  language: cs\n"
    )
    assert words_of(made)("send") == "Odeslat"
    assert words_of(made)("missing", field="E-mail") == "Chybí E-mail"
    assert words_of(made)("thanks_title") == "Thank you"
    assert (words_of(made, "pl")("send"), words_of(made, "pl")("thanks_title")) == ("Dalej", "Dziękujemy")


def test_what_is_filled_in_is_never_filled_in_again() -> None:
    said = words_of(workspace(""))
    assert said("missing", field="{field} {0.__class__}") == "{field} {0.__class__}: please fill this in"
    assert "<b>" not in said.html("missing", field="<b>")


def test_the_name_above_the_pages_is_the_companys_unless_there_is_another() -> None:
    assert look_of(workspace("vars: {company: Acme}\n")).name == "Acme"
    assert look_of(workspace("vars: {company: Acme}\nweb: {name: Acme Roofs}\n")).name == "Acme Roofs"
    assert look_of(workspace("vars: {company: [1]}\n")).name == ""


@given(COLORS)
def test_any_colour_can_be_read_by_day_and_by_night(color: str) -> None:
    for paper in ("#ffffff", "#1b212c"):
        shown = readable(color, paper)
        assert contrast(shown, paper) >= READABLE
        assert contrast(over(shown), shown) >= READABLE
    assert style(color).count("--main") == 2


def test_a_colour_that_can_be_read_is_left_as_it_is() -> None:
    assert readable("#0a5c36", "#ffffff") == "#0a5c36"


def test_every_page_says_whose_it_is_in_the_admins_colours(tmp_path: Path) -> None:
    (tmp_path / "templates" / "files").mkdir(parents=True)
    (tmp_path / "templates" / "files" / "logo.svg").write_text(LOGO, "utf-8")
    web = "  color: '#0A5C36'\n  logo: files/logo.svg\n  links: {Privacy & more: 'https://acme.test/privacy?a=1&b=2'}"
    with serving(tmp_path, web=web) as served:
        for path in ("/forms/plain", "/chat", "/nothing"):
            text = served.ask("GET", path, headers={"Accept": "text/html"}).text
            assert '<img src="/brand/logo" alt="Acme Roofing">' in text, path
            assert '<link rel="stylesheet" href="/brand/0a5c36.css">' in text, path
            assert '<a href="https://acme.test/privacy?a=1&amp;b=2" rel="noopener">Privacy &amp; more</a>' in text, path
            assert " \u2013 Acme Roofing</title>" in text, path
        logo = served.ask("GET", "/brand/logo")
        assert (logo.body.decode(), logo.headers["content-type"]) == (LOGO, "image/svg+xml")
        assert "sandbox" in logo.headers["content-security-policy"]
        sheet = served.ask("GET", "/brand/0a5c36.css")
        assert (sheet.headers["content-type"], "--main: #0a5c36" in sheet.text) == ("text/css; charset=utf-8", True)
        assert served.ask("GET", "/brand/123456.css").status == 404


def test_without_a_logo_the_name_stands_there(served: Served) -> None:
    assert '<header class="brand">Acme Roofing</header>' in served.ask("GET", "/forms/plain").text
    assert served.ask("GET", "/brand/logo").status == 404


def test_a_customer_is_spoken_to_in_their_language(served: Served) -> None:
    item, token = served.add(contact={"language": "pl-PL"}), make_token("s", "p")
    data = {"rule": "offer-mail", "email": "ewa@home.test", "contact": item.contacts[0]}
    link = Link(hash_of(token), "unsubscribe", "ewa@home.test", item.id, "", 0, data)
    with served.session() as session, session.store.transaction() as state:
        state.write(Changes(links=[link]))
    asked = served.ask("GET", f"/u/{token}")
    assert '<html lang="pl">' in asked.text
    assert "Na adres ewa@home.test nie będziemy już wysyłać" in asked.text
    assert "Nie dostaniesz od nas" in served.form(f"/u/{token}", {}).text


def test_a_form_speaks_its_own_language(served: Served) -> None:
    page = served.ask("GET", "/forms/german").text
    assert '<html lang="de">' in page
    assert "Nachricht <span" in page
    wrong = served.form("/forms/german", {"message": "Hallo"}, Accept="text/html")
    assert "E-Mail: bitte ausfüllen" in wrong.text
    assert served.ask("POST", "/forms/german", {}).json()["errors"] == {"email": "E-Mail: bitte ausfüllen"}
    assert "Vielen Dank" in served.form("/forms/german", {"email": "ewa@home.test"}).text
    with served.read() as state:  # whoever fills it in reads that language
        assert [one.language for one in state.contacts()] == ["de"]
