"""What a new version means for live items: foretold by `foresee`, done by `load`, and back again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stageauto.engine import commands
from stageauto.engine.commands import NewItem
from stageauto.engine.model import ITEMS_UPDATE
from stageauto.loader.load import load as load_texts
from stageauto.runner.adoption import Adoption, StageGoneError
from stageauto.runner.changes import Changes, compare
from stageauto.runner.clock import VirtualClock
from stageauto.runner.goingback import way_back
from stageauto.runner.session import Session
from stageauto.runner.versions import foresee, load

START = 1_772_438_400_000  # Monday 2026-03-02, 09:00 in Warsaw
DAY = 86_400_000
MAIN = 'stageauto: 1\ntimezone: Europe/Warsaw\ncalendars: {working: {mon-fri: "09:00-18:00"}}\n'
DEALS = """\
pipeline: deals
entity: deal
fields: {meeting: datetime}
stages:
  - id: new
    rules:
      - {id: call, do: create_task, when: {delay: 2d}, with: {title: Call}}
      - {id: kept, do: create_task, when: {delay: 9d}, on_leave: keep, with: {title: Kept}}
  - id: quote
    rules:
      - {id: chase, do: webhook, when: {delay: 3d}, with: {url: "http://127.0.0.1:9/"}}
      - {id: office, do: create_task, when: {delay: 10h}, hours: working, with: {title: Office}}
      - {id: soon, do: create_task, when: {before: meeting, by: 1h, if_past: skip}, with: {title: Soon}}
  - {id: won, kind: won}
"""


class Story:
    """One workspace whose files change."""

    def __init__(self, session: Session, clock: VirtualClock) -> None:
        self.session, self.clock = session, clock

    def files(self, *edits: tuple[str, str], main: str = MAIN, **more: str) -> dict[str, str]:
        text = DEALS
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        return {"stageauto.yaml": main, "pipelines/deals.yaml": text, **more}

    def item(self, stage: str, **values: str) -> str:
        made = self.session.decide(
            lambda draft, by: commands.add(draft, by, NewItem("deals", stage, values)), permission=ITEMS_UPDATE
        )
        return made.id

    def move(self, item: str, stage: str) -> None:
        self.session.decide(lambda draft, by: commands.move(draft, by, item, stage), permission=ITEMS_UPDATE)

    def plan(self, files: dict[str, str]) -> tuple[Changes, Adoption]:
        workspace = load_texts(files, env={}, now=START).workspace
        assert workspace is not None
        return foresee(self.session, files, workspace)

    def dues(self, item: str) -> dict[str, int | None]:
        """rule -> due, of what lives."""
        with self.session.store.read() as state:
            found = state.item(item)
        assert found is not None
        return {run.rule: run.due for run in found.runs.values() if run.living}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    clock = VirtualClock(START)
    with Session.open(tmp_path, clock=clock, create=True) as session:
        made = Story(session, clock)
        load(session, made.files())
        yield made


def words(found: Changes) -> list[tuple[str, str, str, list[tuple[str, str | None, str | None]]]]:
    return [
        (one.how, one.what, one.name, [(word.name, word.was, word.now) for word in one.words]) for one in found.changes
    ]


def test_a_changed_delay_moves_what_is_pending_and_says_what_is_sent_at_once(story):
    items = [story.item("quote") for _ in range(5)]
    story.clock.at += 2 * DAY
    files = story.files(("when: {delay: 3d}", "when: {delay: 1d}"))
    changes, found = story.plan(files)
    assert words(changes) == [("changed", "rule", "deals/quote/chase", [("when.delay", "3d", "1d")])]
    assert found.counts == {("moved", "deals/quote/chase"): 5, ("due", "deals/quote/chase"): 5}
    assert len(found.moved) == 3
    assert (found.moved[0].was, found.moved[0].will) == (START + 3 * DAY, START + 2 * DAY)
    assert found.sends == {("webhook", "webhook"): 5}
    assert found.kept == 10
    assert story.dues(items[0])["chase"] == START + 3 * DAY
    assert load(story.session, files).adoption.counts == found.counts
    with story.session.store.read() as state:
        assert len(state.deliveries()) == 5


def test_a_stage_that_is_gone_needs_a_place_for_its_items(story):
    item = story.item("quote")
    quote = DEALS[DEALS.index("  - id: quote") : DEALS.index("  - {id: won")]
    with pytest.raises(StageGoneError, match="`quote` of `deals` is gone but holds 1 item"):
        story.plan(story.files((quote, "")))
    with pytest.raises(StageGoneError):
        load(story.session, story.files((quote, "")))
    moved = story.files((quote, ""), ("stages:", "moved: [{from: quote, to: new}]\nstages:"))
    _, found = story.plan(moved)
    assert found.relocated == {("deals/quote", "deals/new"): 1}
    assert found.examples == {("deals/quote", "deals/new"): [item]}
    assert {rule for kind, rule in found.counts if kind == "added"} == {"deals/new/call", "deals/new/kept"}
    assert found.total("cancelled") == 3
    assert {one.because for one in found.cancelled} == {"its stage quote is gone in the configuration that was loaded"}
    load(story.session, moved)
    assert set(story.dues(item)) == {"call", "kept"}


def test_hours_of_the_calendar_move_what_keeps_to_them_and_nothing_else(story):
    item = story.item("quote")
    before = story.dues(item)
    files = story.files(main=MAIN.replace("09:00-18:00", "12:00-15:00"))
    changes, found = story.plan(files)
    assert words(changes) == [("changed", "calendar", "working", [("mon-fri", "09:00-18:00", "12:00-15:00")])]
    assert found.counts == {("moved", "deals/quote/office"): 1}
    load(story.session, files)
    assert story.dues(item) == before | {"office": START + DAY + 3 * 3_600_000}


def test_a_kept_run_of_a_stage_that_was_left_is_seen_too(story):
    item = story.item("new")
    story.move(item, "quote")
    files = story.files(
        ("      - {id: kept, do: create_task, when: {delay: 9d}, on_leave: keep, with: {title: Kept}}\n", "")
    )
    _, found = story.plan(files)
    assert found.counts == {("cancelled", "deals/new/kept"): 1}
    assert found.cancelled[0].code == "rule_removed"
    load(story.session, files)
    assert "kept" not in story.dues(item)


def test_a_rule_that_went_to_another_stage_is_cancelled_for_that_and_one_whose_stage_is_gone_for_this(story):
    item = story.item("new")
    kept = "      - {id: kept, do: create_task, when: {delay: 9d}, on_leave: keep, with: {title: Kept}}\n"
    files = story.files((kept, ""), ("  - id: quote\n    rules:\n", "  - id: quote\n    rules:\n" + kept))
    _, found = story.plan(files)
    because = {one.rule: one.because for one in found.cancelled}
    assert because["deals/new/kept"] == "the rule belongs to the stage quote in the configuration that was loaded"
    load(story.session, files)
    assert "kept" not in story.dues(item)


def test_items_of_stages_that_nothing_concerns_are_not_looked_at(story):
    story.item("quote")
    story.item("new")
    _, found = story.plan(story.files(("when: {delay: 2d}", "when: {delay: 4d}")))
    assert (found.items, found.kept) == (1, 4)
    for harmless in (
        story.files(main=MAIN + "channels: {mail: {type: file}}\n"),
        story.files(**{"templates/hello.txt": "Hello"}),
        story.files(("stages:", "stages: # a comment")),
    ):
        changes, found = story.plan(harmless)
        assert (bool(changes.files), found.items, found.kept) == (True, 0, 5)


def test_what_is_overdue_stays_overdue_when_another_word_changes(story):
    item = story.item("quote", meeting="2026-03-02T12:00")
    due = story.dues(item)["soon"]
    story.clock.at = START + 5 * 3_600_000
    files = story.files(("id: soon,", "id: soon, name: Soon,"))
    _, found = story.plan(files)
    assert not found.counts
    load(story.session, files)
    assert story.dues(item)["soon"] == due


def test_going_back_over_a_rename_keeps_what_is_pending_under_its_old_name(story):
    item = story.item("quote")
    due = story.dues(item)["chase"]
    once = story.files(("id: chase", "id: remind"), ("stages:", "renamed: [{from: chase, to: remind}]\nstages:"))
    changes, found = story.plan(once)
    assert (changes.changes[0].how, changes.changes[0].before) == ("renamed", "deals/quote/chase")
    assert not found.counts
    load(story.session, once)
    load(
        story.session,
        story.files(("id: chase", "id: nudge"), ("stages:", "renamed: [{from: remind, to: nudge}]\nstages:")),
    )
    assert story.dues(item)["nudge"] == due
    back = way_back(story.session, 1)
    assert back.rules == {"deals": {"nudge": "chase"}}
    done = load(story.session, story.files(), back=back)
    assert not done.adoption.counts
    assert story.dues(item)["chase"] == due


def test_without_the_renames_what_has_another_name_is_cancelled(story):
    story.item("quote")
    _, found = story.plan(story.files(("id: chase", "id: remind")))
    assert found.counts == {("cancelled", "deals/quote/chase"): 1}


def test_the_differences_are_told_in_the_files_own_words():
    before = {
        "stageauto.yaml": MAIN + 'channels: {mail: {type: smtp, password: "${OLD}"}}\nusers: {anna: {name: Anna}}\n',
        "pipelines/deals.yaml": DEALS,
        "templates/a.txt": "Hello\nBye\n",
    }
    after = {
        "stageauto.yaml": (MAIN + 'channels: {mail: {type: smtp, password: "${NEW}"}}\n').replace("Warsaw", "Berlin"),
        "pipelines/deals.yaml": DEALS.replace("{meeting: datetime}", "{meeting: date, x: string}"),
        "templates/a.txt": "Hello\nSee you\n",
    }
    assert words(compare(before, after, 1)) == [
        ("changed", "field", "deals/meeting", [("", "datetime", "date")]),
        ("changed", "setting", "timezone", [("", "Europe/Warsaw", "Europe/Berlin")]),
        ("changed", "channel", "mail", [("password", "${OLD}", "${NEW}")]),
        ("removed", "user", "anna", []),
        ("changed", "file", "templates/a.txt", [("line 2", "Bye", "See you")]),
        ("added", "field", "deals/x", []),
    ]


def test_another_order_of_rules_is_a_change_of_their_stage():
    stage = "pipeline: p\nstages:\n  - {{id: s, rules: [{{id: {0}, do: end_wait}}, {{id: {1}, do: end_wait}}]}}\n"
    found = compare({"pipelines/p.yaml": stage.format("a", "b")}, {"pipelines/p.yaml": stage.format("b", "a")}, 1)
    assert words(found) == [("changed", "stage", "p/s", [("order of rules", "a, b", "b, a")])]
