"""A pipeline as SVG, drawn by hand: stages as cards from left to right, what moves items as arrows between them.

Arrows between neighbours run in the gap between their cards, all others in lanes below the cards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from stageauto.engine.model import Pipeline, Rule, Stage
from stageauto.report.graph import chained, named, said_of, targets
from stageauto.report.graph_edges import Edge, edges
from stageauto.report.tables import safe, width
from stageauto.report.upkeep import counted
from stageauto.runner.facts import why_then

_CARD, _HEAD, _ROW, _STEP, _LANE = 252, 58, 36, 30, 30
_MARGIN, _TOP = 24, 74
_LETTER, _SMALL = 6.9, 6.0  # the width of a letter at 13 and at 11 pixels, generously
_LONGEST = 28  # letters of an arrow's label
_INDENT = 12

_STYLE = """
svg { color-scheme: light dark; --ink: #1b2230; --soft: #5c6676; --paper: #fff; --ground: #f2f4f8; --line: #cfd6e1;
  --open: #2f6fde; --won: #1f9d63; --lost: #8b95a5; --rule: #7a5bd0; font: 13px system-ui, "Segoe UI", sans-serif }
@media (prefers-color-scheme: dark) { svg { --ink: #e9edf4; --soft: #9aa6b8; --paper: #1a202b; --ground: #10141b;
  --line: #3a4556; --open: #6d9fff; --won: #4cc38a; --lost: #7f8a9b; --rule: #a78bfa } }
text { fill: var(--ink) } .soft { fill: var(--soft); font-size: 11px } .name { font-size: 15px; font-weight: 600 }
.title { font-size: 20px; font-weight: 600 } .ground { fill: var(--ground) }
.card { fill: var(--paper); stroke: var(--line) } .off { opacity: .5 } .thread { stroke: var(--line); fill: none }
.open { fill: var(--open) } .won { fill: var(--won) } .lost { fill: var(--lost) }
.count { fill: #fff; font-weight: 600 }
.arrow { fill: none; stroke: var(--open); stroke-width: 1.6 } .tip { fill: var(--open) }
.back, .rule { stroke-dasharray: 5 4 } .rule { stroke: var(--rule) } .rule + .tip { fill: var(--rule) }
.label { font-size: 11px; paint-order: stroke; stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round }
@media (prefers-color-scheme: dark) { .count { fill: #10141b } }
"""


def as_svg(pipeline: Pipeline, counts: Mapping[str, int] | None = None) -> Iterator[str]:
    """The picture, line by line; `counts`: how many items each stage has. Parts say what they are when pointed at."""
    place = _Place(pipeline, edges(pipeline))
    name = _text(pipeline.name)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {place.width} {place.height}" '
        f'width="{place.width}" height="{place.height}" role="img" aria-labelledby="title what">'
    )
    yield f'<title id="title">{name}</title><desc id="what">{_described(pipeline, counts)}</desc>'
    yield f"<style>{_STYLE}</style>"
    yield f'<rect class="ground" width="{place.width}" height="{place.height}"/>'
    yield f'<text class="title" x="{_MARGIN}" y="40">{name}</text>'
    for edge in place.edges:
        yield _arrow(place, edge)
    for stage in pipeline.stages:
        yield from _card(place, stage, None if counts is None else counts.get(stage.id, 0))
    yield "</svg>"


def _described(pipeline: Pipeline, counts: Mapping[str, int] | None) -> str:
    """The stages in words, for who cannot see the picture."""
    said = [
        f"{stage.name}" + (f" ({counted(counts.get(stage.id, 0), 'item')})" if counts is not None else "")
        for stage in pipeline.stages
    ]
    return _text(f"The stages of {pipeline.name}, from left to right: {', '.join(said)}.")


def _text(text: str) -> str:
    """Text between tags and in attributes; what XML cannot hold is shown as what it is."""
    return escape("".join(one if one.isprintable() else " " for one in safe(text)))


def _cut(text: str, letters: float) -> str:
    """The text, shortened to that many letters' width."""
    shown = safe(text)
    if width(shown) <= letters:
        return shown
    while shown and width(shown) > letters - 1:
        shown = shown[:-1]
    return shown.rstrip() + "…"


# -- where things stand ----------------------------------------------------------------------------------------------


class _Place:
    """Where cards and arrows stand."""

    def __init__(self, pipeline: Pipeline, found: Sequence[Edge]) -> None:
        self.pipeline = pipeline
        self.edges = [one for one in found if one.target is not None]
        count = len(pipeline.stages)
        self._gaps = [self._gap(index, last=index == count) for index in range(count + 1)]
        self.left = [_MARGIN + sum(self._gaps[: index + 1]) + index * _CARD for index in range(count)]
        rows = max((len(stage.rules) for stage in pipeline.stages), default=0)
        arrows = max((len(self._between(index)) for index in range(count + 1)), default=0)
        self.tall = _HEAD + max(rows * _ROW + 12, arrows * _STEP, 40)
        self._lanes = [one for one in self.edges if not self._is_near(one)]
        self.width = round(self.left[-1] + _CARD + self._gaps[-1] + _MARGIN) if count else 2 * _MARGIN
        self.height = round(_TOP + self.tall + _LANE * len(self._lanes) + (34 if self._lanes else _MARGIN))

    def _is_near(self, edge: Edge) -> bool:
        """Whether the arrow runs in the gap before a stage."""
        if edge.origin is None or edge.target is None:
            return True
        return abs(edge.origin - edge.target) == 1

    def _between(self, gap: int) -> list[Edge]:
        """The arrows in the gap before the stage of that number."""
        return [one for one in self.edges if self._is_near(one) and self._gap_of(one) == gap]

    def _gap_of(self, edge: Edge) -> int:
        assert edge.target is not None
        return edge.target if edge.origin is None else max(edge.target, edge.origin)

    def _gap(self, index: int, *, last: bool) -> int:
        found = self._between(index)
        if not found:
            return 0 if index == 0 or last else 48
        letters = max(min(width(safe(one.label)), _LONGEST) for one in found)
        return round(letters * _SMALL + 44)

    def ends(self, edge: Edge) -> tuple[float, float, float]:
        """(x where it begins, x where it ends, y) of an arrow in a gap."""
        gap = self._gap_of(edge)
        right = self.left[gap]
        left = right - self._gaps[gap]
        y = _TOP + _HEAD + 14 + _STEP * self._between(gap).index(edge)
        if edge.origin is None:
            left += 0 if gap == 0 else 20
        forward = edge.origin is None or edge.origin < (edge.target or 0)
        return (left, right, y) if forward else (right, left, y)

    def lane(self, edge: Edge) -> tuple[float, float, float, float] | None:
        """(x where it leaves, x where it arrives, y of the cards' foot, y of its lane); None for one in a gap."""
        if self._is_near(edge) or edge.origin is None or edge.target is None:
            return None
        number = self._lanes.index(edge)
        leaves = [one for one in self._lanes if one.origin == edge.origin]
        arrives = [one for one in self._lanes if one.target == edge.target]
        start = self.left[edge.origin] + _CARD * (0.55 + 0.4 * (leaves.index(edge) + 1) / (len(leaves) + 1))
        end = self.left[edge.target] + _CARD * (0.05 + 0.4 * (arrives.index(edge) + 1) / (len(arrives) + 1))
        foot = _TOP + self.tall
        return start, end, foot, foot + _LANE * (number + 1)


# -- arrows ----------------------------------------------------------------------------------------------------------


def _arrow(place: _Place, edge: Edge) -> str:
    label = _text(_cut(edge.label, _LONGEST))
    lane = place.lane(edge)
    if lane is None:
        start, end, y = place.ends(edge)
        path = f"M{start:.0f} {y} H{end - (7 if end > start else -7):.0f}"
        tip = _tip(end, y, 1 if end > start else -1)
        words = f'<text class="label" x="{(start + end) / 2:.0f}" y="{y - 6}" text-anchor="middle">{label}</text>'
    else:
        start, end, foot, y = lane
        path = (
            f"M{start:.0f} {foot} V{y - 8} q0 8 {8 if end > start else -8} 8 H{end + (-8 if end > start else 8):.0f} "
        )
        path += f"q{8 if end > start else -8} 0 {8 if end > start else -8} -8 V{foot + 8}"
        tip = f'<path class="tip" d="M{end:.0f} {foot} l-5 9 h10 z"/>'
        words = f'<text class="label" x="{(start + end) / 2:.0f}" y="{y - 5}" text-anchor="middle">{label}</text>'
    drawn = f'<path class="arrow {edge.kind}" d="{path}"/>{tip}{words}'
    return f"<g><title>{_text(edge.title)}</title>{drawn}</g>"


def _tip(x: float, y: float, way: int) -> str:
    return f'<path class="tip" d="M{x:.0f} {y} l{-9 * way} -5 v10 z"/>'


# -- cards -----------------------------------------------------------------------------------------------------------


def _card(place: _Place, stage: Stage, items: int | None) -> Iterator[str]:
    x = place.left[stage.index]
    triggers = "; ".join(said_of(one) for one in stage.triggers if one.enabled)
    told = f"{stage.name} ({stage.id})" + (f". Items come here by: {triggers}" if triggers else "")
    yield f'<g transform="translate({x} {_TOP})"><title>{_text(told)}</title>'
    yield f'<rect class="card" width="{_CARD}" height="{place.tall}" rx="10"/>'
    head = f"M1 8 a10 10 0 0 1 9 -8 h{_CARD - 20} a10 10 0 0 1 9 8 q-2 -4 -8 -4 h-{_CARD - 18} q-6 0 -8 4 z"
    yield f'<path class="{stage.kind}" d="{head}"/>'
    badge = 0.0
    if items is not None:
        said = f"{items:,}"
        badge = len(said) * 8 + 18
        at = f'x="{_CARD - badge - 12:.0f}" y="16" width="{badge:.0f}" height="22" rx="11"'
        yield f'<rect class="{stage.kind}" {at}/>'
        where = f'x="{_CARD - 12 - badge / 2:.0f}" y="31.5" text-anchor="middle"'
        yield f'<text class="count" {where}><title>{counted(items, "item")} here now</title>{said}</text>'
    yield f'<text class="name" x="14" y="30">{_text(_cut(stage.name, (_CARD - 34 - badge) / 8.4))}</text>'
    kind = "" if stage.kind in {"open", stage.id} else f", {stage.kind}"
    yield f'<text class="soft" x="14" y="47">{_text(_cut(stage.id, 24))}{kind}</text>'
    for number, (depth, rule) in enumerate(chained(stage)):
        yield _rule(place.pipeline, rule, min(depth, 5), _HEAD + 16 + number * _ROW)
    yield "</g>"


def _rule(pipeline: Pipeline, rule: Rule, depth: int, y: int) -> str:
    x = 14 + depth * _INDENT
    room = _CARD - x - 12
    leads = "".join(f" → {named(pipeline, one)}" for one in targets(pipeline, rule))
    why = f"{rule.do}{leads}, {why_then(rule)}"
    condition = " ".join(str(getattr(rule.condition, "source", "")).split())
    told = f"{rule.id}: {why}" + (f", if {condition}" if condition else "") + ("" if rule.enabled else " (disabled)")
    thread = f'<path class="thread" d="M{x - 7} {y - 16} v12 h5"/>' if depth else ""
    return (
        f'<g class="{"on" if rule.enabled else "off"}"><title>{_text(told)}</title>{thread}'
        f'<text x="{x}" y="{y}">{_text(_cut(rule.title, room / _LETTER))}</text>'
        f'<text class="soft" x="{x}" y="{y + 14}">{_text(_cut(why, room / _SMALL))}</text></g>'
    )
