"""Profiles for `simulate --load`: what they mean, and every way to write a wrong one with its whole diagnostic."""

from __future__ import annotations

import pytest

from stageauto.engine.model import Workspace
from stageauto.loader.load import load
from stageauto.loader.profile import Happens, read_profile

MAIN = "stageauto: 1\ntimezone: UTC\ncalendars: {working: {mon-fri: '09:00-17:00'}}\n"
PIPELINE = """\
pipeline: deals
entity: deal
fields: {amount: money}
stages: [{id: new}, {id: won, kind: won}]
"""
GOOD = """\
profile: Spring
pipeline: deals
start: "2026-03-02T09:00"
arrive: {stage: new, hours: working, set: {amount: [1, 2]}}
happens:
  - {in: new, move: won, chance: 0.5, between: [1h, 2d]}
  - {in: [new, won], emit: email.received, between: [0s, 1h], data: {subject: Hi}}
tasks: {chance: 0.9, between: [1h, 1d]}
fail: {mail: 0.1}
"""
HOUR = 3_600_000


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    loaded = load({"stageauto.yaml": MAIN, "pipelines/deals.yaml": PIPELINE}, env={}, now=1_772_438_400_000)
    assert loaded.workspace is not None, loaded.diagnostics
    return loaded.workspace


def test_a_profile_is_read_whole(workspace):
    made, found = read_profile(workspace, "p.yaml", GOOD)
    assert found == ()
    assert made is not None
    assert (made.name, made.pipeline, made.stage, made.hours) == ("Spring", "deals", "new", "working")
    assert made.start == 1_772_442_000_000
    assert made.happens[0] == Happens(("new",), (HOUR, 48 * HOUR), 0.5, move="won")
    assert made.happens[1] == Happens(("new", "won"), (0, HOUR), emit="email.received", data={"subject": "Hi"})
    assert made.tasks == (0.9, (HOUR, 24 * HOUR))
    assert dict(made.fail) == {"mail": 0.1}


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        ("pipeline: deals", "pipeline: deal",
         ("unknown-pipeline", 2, 11, "there is no pipeline `deal`", "did you mean `deals`?")),
        ("stage: new", "stage: nwe", ("unknown-stage", 4, 17, "there is no stage `nwe`", "did you mean `new`?")),
        ("hours: working", "hours: woking",
         ("unknown-calendar", 4, 29, "there is no calendar `woking`", "did you mean `working`?")),
        ("{amount: [1", "{amont: [1", ("unknown-field", 4, 51, "there is no field `amont`", "did you mean `amount`?")),
        ("move: won", "move: wno", ("unknown-stage", 6, 21, "there is no stage `wno`", "did you mean `won`?")),
        ("in: [new, won]", "in: [new, wno]",
         ("unknown-stage", 7, 10, "there is no stage `wno`", "did you mean `won`?")),
        ("email.received", "email.recieved",
         ("unknown-event", 7, 28, "there is no event `email.recieved`", "did you mean `email.received`?")),
        ("move: won, ", "", ("choose-one", 6, 5, "one of `emit` and `move` says what happens",
                             "write emit: email.received")),
        ("[1h, 2d]", "[2d, 1h]", ("out-of-range", 6, 48, "the longest time comes second", "write [1h, 5d]")),
        ("[1h, 2d]", "[1h, 2wd]", ("bad-duration", 6, 53, "`2wd` is not a plain span", "write it like 3d or 4h")),
        ('"2026-03-02T09:00"', "soon", ("bad-time", 3, 8, None, "write 2026-03-02T09:00")),
        ("chance: 0.5", "chance: 5", ("out-of-range", 6, 34, "`5` is out of range", "write at most 1")),
        ("fail: {mail: 0.1}", "fails: {mail: 0.1}",
         ("unknown-key", 9, 1, "there is no key `fails` here", "did you mean `fail`?")),
    ],
)  # fmt: skip
def test_a_wrong_profile_is_refused_with_place_and_way_out(workspace, was, now, expected):
    assert was in GOOD
    made, found = read_profile(workspace, "p.yaml", GOOD.replace(was, now, 1))
    assert made is None
    assert len(found) == 1, found
    code, line, column, message, hint = expected
    one = found[0]
    assert (one.code, one.file, one.line, one.column, one.hint) == (code, "p.yaml", line, column, hint)
    assert message in (None, one.message)
