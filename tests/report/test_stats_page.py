"""The page of figures: well-formed, whole in itself, and nothing that users wrote is taken for markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from stageauto.report import charts
from stageauto.report.stats_page import stats_page
from stageauto.runner.facts import Facts
from stageauto.runner.stats import ChannelFigures, Figures, Person, PipelineFigures, RuleFigures, StageFigures

NASTY = "<script>alert('x')</script> \"&\u202e"
DAY = 86_400_000
NOW = 1_772_438_400_000


def figures(name: str = "Deals") -> Figures:
    stages = [
        StageFigures("new", name, "open", entered=10, reached=10, here=3, lost=1, value=30.0, spans=[DAY, 3 * DAY]),
        StageFigures("won", "Won", "won", entered=6, reached=6, here=6, value=600.0),
    ]
    one = PipelineFigures("deals", name, "deal", stages, [StageFigures("lost", name, "lost", here=1)], created=10)
    one.money, one.people = name, {"anna": Person(name, 3, 6, 1)}
    one.rules = [
        RuleFigures("new", "mail", name, "send_email", {"done": 8, "failed": 2}),
        RuleFigures("new", "x", name, "y", {}),
    ]
    one.to_won = [2 * DAY]
    one.flow = {"created": [NOW - DAY], "won": [NOW], "lost": []}
    beat = [[0] * 24 for _ in range(7)]
    beat[2][13] = 5
    return Figures([one], [ChannelFigures(name, 8, {"failed": 2})], beat, Facts("Europe/Warsaw"), 0, NOW)


class Reader(HTMLParser):
    """Checks that every element is closed, in order, and keeps what it saw."""

    VOID = ("meta", "link", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_every_element_of_the_page_is_closed():
    read(stats_page(figures()))


def test_what_users_wrote_stays_text():
    reader = read(stats_page(figures(NASTY)))
    assert "script" not in {tag for tag, _ in reader.tags}
    assert NASTY in reader.words
    assert all(name in {"class", "style", "role"} or "<" not in str(value) or name in {"aria-label", "content"}
               for _, attributes in reader.tags for name, value in attributes.items())  # fmt: skip


def test_the_page_fetches_nothing_and_runs_nothing():
    page = stats_page(figures())
    reader = read(page)
    assert {tag for tag, _ in reader.tags} & {"script", "img", "iframe", "object", "form", "use", "image"} == set()
    links = [value for _, attributes in reader.tags for name, value in attributes.items() if name in {"href", "src"}]
    assert links == ["data:,"]
    assert re.search(r"url\(|@import|https?:", page) is None
    [policy] = [attributes["content"] for _, attributes in reader.tags if "http-equiv" in attributes]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_every_chart_is_well_formed_and_says_what_it_shows():
    drawn = re.findall(r"<svg.*?</svg>", stats_page(figures(NASTY)), re.DOTALL)
    assert len(drawn) > 6
    for one in drawn:
        chart = ET.fromstring(one)
        assert chart.get("role") == "img"
        assert chart.get("aria-label")


def test_the_numbers_of_the_figures_stand_on_the_page():
    text = " ".join(" ".join(read(stats_page(figures())).words).split())
    for said in (
        "10",
        "86 %",
        "60 % go on",
        "3 here now, 1 lost from here",
        "8 done, 2 failed",
        "Wed from 13:00 to 14:00",
    ):
        assert said in text, said


def test_a_page_without_anything_to_show_is_a_page_too():
    nothing = PipelineFigures("deals", "Deals", "deal", [StageFigures("new", "New", "open")], [])
    page = stats_page(Figures([nothing], [], [[0] * 24 for _ in range(7)], Facts(), 0, NOW))
    assert "Busiest hours" not in page
    read(page)


@pytest.mark.parametrize(("most", "top"), [(0, 2), (1, 2), (7, 8), (11, 12), (21, 40), (104, 120), (999, 1000)])
def test_an_axis_ends_at_an_even_number_near_by(most, top):
    assert charts.nice(most) == top


@pytest.mark.parametrize("count", [1, 2, 6, 7, 13, 400])
def test_an_axis_of_time_has_a_few_labels_and_the_first_place_has_one(count):
    places = charts.chosen(count)
    assert places[0] == 0
    assert 1 <= len(places) <= charts.LABELS


def test_the_parts_of_a_bar_are_as_long_as_their_shares():
    bar = ET.fromstring(charts.bar("x", [("done", 3, "3"), ("failed", 1, "1")], 8))
    assert [(one.get("x"), one.get("width")) for one in bar] == [("0", "375"), ("375", "125")]
