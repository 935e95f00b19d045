"""Pages as people see them, in a real Chromium: on a phone and at a desk, by keyboard, and a silent console."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stageauto.engine.links import hash_of, make_token
from stageauto.engine.ports import Changes
from stageauto.engine.state import Link
from stageauto.runner import talking
from stageauto.runner.session import Session
from tests.web.conftest import Served, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = Path(__file__).parents[2] / "docs" / "images"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 800}}

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as made:
        running = made.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(params=list(SIZES))
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of that size; a word on its console, or a broken script, fails the test."""
    size: Any = SIZES[request.param]
    context = browser.new_context(viewport=size, locale="en-GB", timezone_id="Europe/Warsaw")
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda one: said.append(f"{one.type}: {one.text}"))
    opened.on("pageerror", lambda one: said.append(f"error: {one}"))
    opened.set_default_timeout(60_000)
    yield opened
    context.close()
    assert not said, said


def picture(page: Page, name: str) -> None:
    """Keeps what is seen for the handbook, where `STAGEAUTO_PICTURES` asks for it; nothing sticks out at the side."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    seen = page.viewport_size
    size = "phone" if seen is not None and seen["width"] == SIZES["phone"]["width"] else "desktop"
    if os.environ.get("STAGEAUTO_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=str(PICTURES / f"{name}-{size}.png"))


def test_a_form_is_filled_in_and_sent_by_keyboard(served: Served, page: Page) -> None:
    page.goto(f"{served.url}/forms/back")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "name"
    page.keyboard.type("Ewa Lis")
    page.keyboard.press("Tab")
    page.keyboard.type("+48 600 100 200")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "submit"
    picture(page, "form-callback")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Thank you")
    (row,) = served.journal()
    assert (row.type, row.data["phone"]) == ("callback.requested", "+48 600 100 200")


def test_a_form_says_what_is_wrong(served: Served, page: Page) -> None:
    page.goto(f"{served.url}/forms/website")
    picture(page, "form")
    page.locator("form").evaluate("form => { form.noValidate = true; }")
    page.fill("[name=name]", "Ewa")
    page.fill("[name=email]", "no address")
    page.fill("[name=message]", "</textarea><b>bold</b>")
    with page.expect_response(lambda one: one.request.method == "POST") as got:
        page.click("button")
    assert got.value.status == 200
    page.wait_for_selector("[role=alert] >> text=this is no e-mail address")
    assert page.input_value("[name=message]") == "</textarea><b>bold</b>"
    picture(page, "form-wrong")
    said = page.locator("[role=alert] a")
    said.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#f-email"


def test_boxes_are_chosen_and_ticked_by_keyboard(served: Served, page: Page) -> None:
    page.goto(f"{served.url}/forms/measure")
    page.keyboard.press("Tab")
    page.keyboard.type("ewa@home.test")
    page.keyboard.press("Tab")
    page.keyboard.type("Fac")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    picture(page, "form-choices")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Thank you")
    assert served.journal()[0].data == {
        "form": "measure", "email": "ewa@home.test", "interest": "Facade & more", "agreed": "yes",
    }  # fmt: skip


def test_a_customer_unsubscribes_with_one_key(served: Served, page: Page) -> None:
    item, token = served.add(), make_token("s", "p")
    data = {"rule": "offer-mail", "email": "ewa@home.test", "contact": item.contacts[0]}
    link = Link(hash_of(token), "unsubscribe", "ewa@home.test", item.id, "", 0, data)
    with served.session() as session, session.store.transaction() as state:
        state.write(Changes(links=[link]))
    page.goto(f"{served.url}/u/{token}")
    picture(page, "unsubscribe")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=You will get no more mail")
    with served.read() as seen:
        assert [one.opt_out for one in seen.contacts()] == [["mail"]]


def test_a_customer_and_staff_talk(served: Served, page: Page) -> None:
    page.goto(f"{served.url}/chat")
    page.fill("#name", "Ewa")
    page.fill("#text", "Do you do <i>roofs</i>?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#lines .mine")
    assert page.inner_text("#lines .mine p") == "Do you do <i>roofs</i>?"
    with Session.open(served.root, as_user="olga") as session:
        talking.reply(session, served.items()[0].id, "Yes, we do. Where is it?\nAnd how big?")
    page.wait_for_selector("#lines .theirs")
    assert page.inner_text("#lines .theirs p") == "Yes, we do. Where is it?\nAnd how big?"
    page.keyboard.type("In Krakow")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("80 square metres")
    page.keyboard.press("Enter")
    page.locator("#lines .mine").nth(1).wait_for()
    picture(page, "chat")
    page.reload()
    page.locator("#lines li").nth(2).wait_for()
    assert not page.is_visible("#name")


@contextmanager
def site(html: str) -> Iterator[str]:
    """A web site of one page, at an origin of its own; gives the page's address. `{url}` in it is filled in later."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(pages["html"].encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            pages["html"] = html
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(60)


SITE = """<!doctype html><title>Prices</title><link rel="icon" href="data:,">
<script>
  var script = document.createElement("script");
  script.src = new URLSearchParams(location.search).get("ours") + "/v.js";
  document.head.append(script);
</script>
<form method="post"><input name="email" value="ewa@home.test"><button>Go</button></form>"""


def test_the_beacon_keeps_nothing_before_consent(tmp_path: Path, page: Page) -> None:
    with site(SITE) as origin, serving(tmp_path, origin=origin) as served:
        address = f"{origin}/prices?ours={served.url}"
        page.goto(address)
        page.wait_for_function("window.stageauto")
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        with page.expect_response(lambda one: one.url.endswith("/v")) as got:
            page.evaluate("stageauto.consent()")
        assert got.value.status == 204
        visitor = page.evaluate("stageauto.visitor()")
        page.evaluate(f"document.forms[0].action = '{served.url}/forms/plain'")
        page.click("button")
        page.wait_for_selector("text=Thank you")
        assert served.journal()[0].data["visitor"] == visitor
        page.goto(address)
        page.wait_for_function("window.stageauto")
        page.evaluate("stageauto.forget()")
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
