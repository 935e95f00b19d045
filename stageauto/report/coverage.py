"""What no scenario reached, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from stageauto.report.tables import Row, Table, safe
from stageauto.runner.coverage import KINDS, by_pipeline

if TYPE_CHECKING:
    from stageauto.runner.coverage import Coverage, Point

_MANY = {
    "stage": "stages", "rule": "rules", "outcome": "outcomes", "trigger": "triggers", "intake": "intake",
    "condition": "conditions",
}  # fmt: skip
_SAYS = {
    "stage": "nothing came into the stage", "rule": "the rule never ran", "trigger": "the trigger never moved anything",
    "intake": "the intake never created anything",
}  # fmt: skip


def coverage_text(coverage: Coverage) -> Iterator[str | Table]:
    """A table of what was reached, and a line for each gap, with its place."""
    rows: list[Row] = []
    for name, kinds in by_pipeline(coverage).items():
        cells = [_of(*kinds[kind]) if kind in kinds else "" for kind in KINDS]
        rows.append([name, *cells, _percent(coverage.percent(name))])
    if len(rows) > 1:
        cells = [_of(*counts) if (counts := coverage.reached(kind=kind))[1] else "" for kind in KINDS]
        rows.append(["all", *cells, _percent(coverage.percent())])
    columns = ["pipeline", *(_MANY[kind] for kind in KINDS), "reached"]
    yield ""
    yield Table(columns, rows, empty="there is nothing to reach", right=frozenset(columns[1:]))
    gaps = coverage.gaps()
    if gaps:
        yield ""
        yield from (safe(_gap(list(ones))) for _, ones in groupby(gaps, _sort))


def _of(reached: int, known: int) -> str:
    return f"{reached}/{known}"


def _percent(value: float) -> str:
    """Never rounded up to 100: a gap is a gap."""
    return f"{int(value * 10) / 10:.1f} %"


def _sort(one: Point) -> tuple[str, ...]:
    """The outcomes that a rule never had are said in one line."""
    return (one.kind, one.name) if one.kind == "outcome" else (one.kind, one.name, one.detail)


def _gap(ones: Sequence[Point]) -> str:
    one = ones[0]
    if one.kind == "outcome":
        said = f"never {', '.join(each.detail for each in ones)}"
    elif one.kind == "condition":
        question, _, answer = one.detail.rpartition(" ")
        said = f"{question} was never {answer}"
    else:
        said = _SAYS[one.kind]
    return f"{one.place.file}:{one.place.line}: {one.name}: {said}"


def coverage_data(coverage: Coverage) -> dict[str, Any]:
    """What `test --json` has under `coverage`. `missing`: the rules and triggers that never ran, by name."""
    gaps = coverage.gaps()
    return {
        "percent": round(coverage.percent(), 1),
        "pipelines": [
            {"pipeline": name, "percent": round(coverage.percent(name), 1)}
            | {_MANY[kind]: {"reached": reached, "known": known} for kind, (reached, known) in kinds.items()}
            for name, kinds in by_pipeline(coverage).items()
        ],
        "missing": [f"{one.kind} {one.name}" for one in gaps if one.kind in {"rule", "trigger"}],
        "gaps": [
            {
                "kind": one.kind, "pipeline": one.pipeline, "name": one.name, "detail": one.detail,
                "file": one.place.file, "line": one.place.line,
            }
            for one in gaps
        ],
    }  # fmt: skip


def too_little(coverage: Coverage, wanted: float) -> str:
    """The sentence that says that less was reached than wanted; "" where it was enough."""
    reached = coverage.percent()
    return f"{_percent(reached)} reached, --fail-under asks for {wanted:g} %" if reached < wanted else ""
