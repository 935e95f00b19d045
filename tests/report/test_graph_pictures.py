"""A pipeline as SVG and as DOT: well-formed whatever it is called, and nothing of it left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from stageauto.engine.model import Pipeline
from stageauto.loader.files import file_finder, read_files
from stageauto.loader.load import load
from stageauto.report.graph_dot import as_dot
from stageauto.report.graph_edges import edges
from stageauto.report.graph_svg import as_svg

EXAMPLES = Path(__file__).parents[2] / "examples"
SVG = "{http://www.w3.org/2000/svg}"
NASTY = '<b>"Deals" & \\\\N \\" &amp; 販売</b>'
PIPELINE = f"""\
pipeline: deals
name: '{NASTY}'
intake:
  - {{id: web, event: form.submitted}}
stages:
  - id: new
    name: '{NASTY}'
    rules:
      - {{id: hello, name: '{NASTY}', do: add_log_entry, if: "item.title != '<x>'", with: {{text: x}}}}
      - {{id: next, do: add_log_entry, after: hello, with: {{text: x}}}}
      - {{id: off, do: change_stage, enabled: false, with: {{to: lost}}}}
      - {{id: straight, do: change_stage, when: {{delay: 9d}}, with: {{to: lost}}}}
      - {{id: away, do: create_item, with: {{pipeline: other}}}}
  - id: talks
    triggers:
      - {{id: mail, event: email.received, allow_back: true}}
      - {{id: quiet, event: call.received, enabled: false}}
  - {{id: won, kind: won, triggers: [{{id: swept, event: schedule, cron: "0 9 * * mon", from: [new, talks]}}]}}
  - {{id: lost, kind: lost}}
"""


def pipelines(texts: Mapping[str, str], root: Path = EXAMPLES) -> Mapping[str, Pipeline]:
    loaded = load(texts, env={}, now=1_772_438_400_000, files_present=file_finder(root))
    assert loaded.workspace is not None, loaded.diagnostics
    return loaded.workspace.pipelines


@pytest.fixture(scope="module")
def nasty() -> Pipeline:
    texts = {
        "stageauto.yaml": "stageauto: 1\ntimezone: UTC\n", "pipelines/deals.yaml": PIPELINE,
        "pipelines/other.yaml": "pipeline: other\nstages: [{id: first}]\n",
    }  # fmt: skip
    return pipelines(texts)["deals"]


@pytest.fixture(scope="module", params=["deals", "leads", "signing"])
def example(request: pytest.FixtureRequest) -> Pipeline:
    return pipelines(read_files(EXAMPLES))[request.param]


def drawn(pipeline: Pipeline, counts: Mapping[str, int] | None = None) -> ET.Element:
    return ET.fromstring("\n".join(as_svg(pipeline, counts)))


def texts(svg: ET.Element, style: str) -> list[str]:
    return ["".join(one.itertext()) for one in svg.iter(f"{SVG}text") if one.get("class") == style]


def test_the_arrows_are_those_that_the_files_say(nasty):
    found = [(one.kind, one.origin, one.target, one.label, one.outside) for one in edges(nasty)]
    assert found == [
        ("intake", None, 0, "form.submitted", ""),
        ("trigger", 0, 1, "email.received", ""), ("back", 2, 1, "email.received", ""),
        ("trigger", 0, 2, "cron 0 9 * * mon", ""), ("trigger", 1, 2, "cron 0 9 * * mon", ""),
        ("rule", 0, 3, "straight", ""), ("rule", 0, None, "away", "other"),
    ]  # fmt: skip


def test_the_svg_shows_stages_rules_and_arrows_and_says_what_it_is(nasty):
    svg = drawn(nasty, {"new": 1234})
    assert svg.get("role") == "img"
    assert NASTY in (svg.findtext(f"{SVG}title") or "")
    assert "(1,234 items)" in (svg.findtext(f"{SVG}desc") or "")
    assert texts(svg, "count") == ["1,234 items here now1,234", *["0 items here now0"] * 3]
    assert len([one for one in svg.iter(f"{SVG}path") if "arrow" in one.get("class", "")]) == 6
    titles = {"".join(one.itertext()) for one in svg.iter(f"{SVG}title")}
    assert "hello: add_log_entry, at stage entry, if item.title != '<x>'" in titles
    assert "create_item → other, at stage entry" in texts(svg, "soft")
    assert "off: change_stage → lost, at stage entry (disabled)" in titles


def test_without_a_state_the_svg_has_no_counts(nasty):
    assert texts(drawn(nasty), "count") == []


def test_the_svg_runs_nothing_and_fetches_nothing(example):
    text = "\n".join(as_svg(example)).replace("http://www.w3.org/2000/svg", "")
    assert re.search(r"url\(|@import|https?:|<script|href|\son\w+=", text) is None


def test_nothing_is_drawn_outside_the_picture_and_cards_do_not_overlap(example):
    svg = drawn(example, {stage.id: 100_000 for stage in example.stages})
    width, height = float(svg.get("width", "")), float(svg.get("height", ""))
    cards = [one for one in svg.iter(f"{SVG}g") if one.get("transform")]
    places = [[float(n) for n in re.findall(r"[\d.]+", one.get("transform", ""))] for one in cards]
    sizes = [next(one for one in card.iter(f"{SVG}rect") if one.get("class") == "card") for card in cards]
    edge = 0.0
    for (x, y), card in zip(places, sizes, strict=True):
        assert x >= edge
        edge = x + float(card.get("width", ""))
        assert edge <= width
        assert y + float(card.get("height", "")) <= height
    for label in svg.iter(f"{SVG}text"):
        if label.get("class") == "label":
            assert 0 <= float(label.get("x", "")) <= width
            assert 0 <= float(label.get("y", "")) <= height


def test_labels_in_a_gap_stand_one_below_the_other(example):
    spots = [(one.get("x"), one.get("y")) for one in drawn(example).iter(f"{SVG}text") if one.get("class") == "label"]
    assert len(spots) == len(set(spots))


# -- DOT: its grammar is small enough to be read here ----------------------------------------------------------------

TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(->)|([A-Za-z_]\w*|\d+)|([{}\[\]=,;]))')


def tokens(text: str) -> Iterator[str]:
    place = 0
    while text[place:].strip():
        found = TOKEN.match(text, place)
        assert found is not None, text[place : place + 60]
        place = found.end()
        yield next(one for one in found.groups() if one)


def statements(text: str) -> list[tuple[list[str], dict[str, str]]]:
    """(ids of a node or an arrow, attributes) of each statement."""
    words = list(tokens(text))
    assert (words[0], words[2], words[-1]) == ("digraph", "{", "}")
    found: list[tuple[list[str], dict[str, str]]] = []
    rest = iter(words[3:-1])
    ids: list[str] = []
    for word in rest:
        if word == "[":
            attributes = {}
            while (name := next(rest)) != "]":
                if name != ",":
                    assert next(rest) == "="
                    attributes[name] = next(rest)
            found.append((ids, attributes))
            ids = []
        elif word not in {"->", ";"}:
            ids.append(word)
    return found


def shown(quoted: str) -> str:
    """What Graphviz shows for a label: escapes and entities read."""
    text = re.sub(r"\\(.)", lambda one: {"n": "\n"}.get(one[1], one[1]), quoted[1:-1])
    return text.replace("&amp;", "&")


def test_dot_can_be_parsed_and_names_are_shown_as_they_are(nasty):
    found = statements("\n".join(as_dot(nasty, {"new": 3})))
    nodes = {ids[0]: attributes for ids, attributes in found if len(ids) == 1}
    assert shown(nodes["s0"]["label"]) == f"{NASTY}\n5 rules\n3 items"
    assert nodes["s2"]["peripheries"] == "2"
    arrows = [(ids, shown(attributes["label"])) for ids, attributes in found if len(ids) == 2]
    assert (["s0", "s3"], "straight") in arrows
    assert (["s2", "s1"], "email.received") in arrows
    assert len(arrows) == 7
    assert {one for ids, _ in arrows for one in ids} <= nodes.keys()


def test_dot_of_the_examples_can_be_parsed(example):
    found = statements("\n".join(as_dot(example)))
    assert len([ids for ids, _ in found if len(ids) == 2]) == len(edges(example))
