"""The pages of documents in a real Chromium: read, signed by keyboard and by hand, on a phone and at a desk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import BROWSER, Served
from tests.web.test_documents import Desk, contract_for, load_contracts

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
    # A headless browser says that it is one, and is taken for a link scanner then.
    context = browser.new_context(viewport=size, locale="en-GB", user_agent=BROWSER, has_touch=request.param == "phone")
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda one: said.append(f"{one.type}: {one.text}"))
    opened.on("pageerror", lambda one: said.append(f"error: {one}"))
    opened.set_default_timeout(60_000)
    yield opened
    context.close()
    assert not said, said


@pytest.fixture
def desk(served: Served) -> Desk:
    load_contracts(served)
    return contract_for(served, "Ewa Lis")


def picture(page: Page, name: str, *, whole: bool = True) -> None:
    """Keeps what is seen for the handbook, where `STAGEAUTO_PICTURES` asks for it; nothing sticks out at the side."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    seen = page.viewport_size
    size = "phone" if seen is not None and seen["width"] == SIZES["phone"]["width"] else "desktop"
    if os.environ.get("STAGEAUTO_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=str(PICTURES / f"{name}-{size}.png"), full_page=whole)


def draw(page: Page) -> None:
    """A wave over the pad, as by a hand."""
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.7)
    page.mouse.down()
    for step in range(1, 40):
        up = 0.5 + 0.3 * (1 if step % 4 < 2 else -1) * (1 - step / 60)
        page.mouse.move(box["x"] + box["width"] * (0.1 + step * 0.02), box["y"] + box["height"] * up)
    page.mouse.up()


def test_a_customer_opens_reads_and_signs_by_hand(desk: Desk, page: Page) -> None:
    theirs, ours = desk.links()
    with page.expect_response(lambda one: one.url.endswith("/opened")) as told:
        page.goto(desk.served.url + theirs)
    assert told.value.status == 200
    assert desk.now().stage == "read"
    assert page.locator("article img").evaluate_all("all => all.map(one => one.naturalWidth > 0)") == [True, True]
    draw(page)
    drawn = page.input_value("#drawing")
    assert drawn.count("L") > 10
    page.click("#clear")
    assert page.input_value("#drawing") == ""
    draw(page)
    page.check("#f-consent")
    picture(page, "document-sign")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Signed by Ewa Lis")
    (one,) = [one for one in desk.document().parties if one["role"] == "recipient"]
    assert one["how"] == "drawn"

    page.goto(desk.served.url + ours)
    page.fill("#f-name", "Anna Nowak")
    page.check("#f-consent")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Everybody has signed")
    picture(page, "document-signed")
    assert desk.now().stage == "complete"


def test_a_customer_signs_by_keyboard_alone(desk: Desk, page: Page) -> None:
    theirs, _ = desk.links()
    page.goto(desk.served.url + theirs)
    for _step in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "f-name":
            break
    page.keyboard.press("Control+A")
    page.keyboard.type("Ewa Maria Lis")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "clear"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "f-consent"
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Signed by Ewa Maria Lis")
    assert desk.now().stage == "signed"


def test_without_consent_nothing_is_sent(desk: Desk, page: Page) -> None:
    theirs, _ = desk.links()
    page.goto(desk.served.url + theirs)
    page.click("button[type=submit]")
    assert page.evaluate("document.activeElement.id") == "f-consent"
    assert all(one.get("signed_at") is None for one in desk.document().parties)
    page.locator("#sign").evaluate("form => { form.noValidate = true; }")
    page.click("button[type=submit]")
    page.wait_for_selector("[role=alert] >> text=read the document")
