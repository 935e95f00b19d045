"""Charts as inline SVG, by hand: shapes only, in colours that the page names; words stand beside them as HTML.

A chart stretches to the width it gets, so that its words keep their size on a phone and on paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

LABELS = 6
"""How many labels an axis of time has at most."""


def svg(label: str, width: float, height: float, inside: Iterable[str], style: str) -> str:
    """A chart of that many units, stretched as its CSS class says; `label` is read aloud in its place."""
    head = f'<svg class="{style}" viewBox="0 0 {_n(width)} {_n(height)}" preserveAspectRatio="none"'
    return f'{head} role="img" aria-label="{escape(label)}">{"".join(inside)}</svg>'


def bar(label: str, parts: Sequence[tuple[str, float, str]], most: float, back: float = 0) -> str:
    """One horizontal bar of parts (CSS class, value, words when pointed at), against the most there is.

    `back`: how far a pale bar behind it goes.
    """
    shapes = [_rect(0, 0, 1000 * back / most, 10, "pale")] if back and most else []
    x = 0.0
    for style, value, words in parts:
        width = 1000 * value / most if most else 0
        if width:
            shapes.append(_rect(x, 0, width, 10, style, words))
        x += width
    return svg(label, 1000, 10, shapes, "bar")


def columns(
    label: str, rows: Sequence[tuple[str, Mapping[str, int]]], stacked: Sequence[str], line: str
) -> tuple[str, int]:
    """(chart, what its top stands for): a column for each row, of the kinds in `stacked`, and a line of another kind.

    `rows`: (words when pointed at, how many of each kind).
    """
    top = nice(max((max(counts[line], sum(counts[one] for one in stacked)) for _, counts in rows), default=1))
    shapes = [f'<line class="grid" x1="0" x2="1000" y1="{y}" y2="{y}"/>' for y in (0, 50, 100)]
    step = 1000 / max(1, len(rows))
    points = []
    for index, (words, counts) in enumerate(rows):
        bottom = 100.0
        for kind in stacked:
            height = 100 * counts[kind] / top
            if height:
                bottom -= height
                shapes.append(_rect(index * step + step * 0.14, bottom, step * 0.72, height, kind))
        points.append(f"{_n((index + 0.5) * step)},{_n(100 - 100 * counts[line] / top)}")
        shapes.append(_rect(index * step, 0, step, 100, "touch", words))
    shapes.append(f'<polyline class="{line}" points="{" ".join(points)}"/>')
    return svg(label, 1000, 100, shapes, "columns"), top


def heat(label: str, rows: Sequence[Sequence[int]], words: Sequence[str]) -> str:
    """A square for each value, the darker the more; `words`: of each row, for when it is pointed at."""
    most = max(map(max, rows)) or 1
    shapes = []
    for y, (values, day) in enumerate(zip(rows, words, strict=True)):
        for x, value in enumerate(values):
            share = value / most
            told = f"{day} {x:02d}:00: {value:,}"
            style = f' style="fill-opacity:{share**0.7:.3f}"' if value else ""
            shapes.append(_rect(x + 0.04, y + 0.04, 0.92, 0.92, "cold", "" if value else told))
            if value:
                shapes.append(_rect(x + 0.04, y + 0.04, 0.92, 0.92, "hot", told, style))
    return svg(label, len(rows[0]), len(rows), shapes, "heat")


def spread(label: str, median: float, p90: float, most: float) -> str:
    """A median as a bar, and the p90 as a pale one behind it with an end."""
    shapes = [_rect(0, 0, 1000 * p90 / most, 10, "pale"), _rect(0, 0, 1000 * median / most, 10, "time")]
    return svg(label, 1000, 10, shapes, "bar")


def _rect(  # noqa: PLR0913, PLR0917 - a place, its size, and how it looks
    x: float, y: float, width: float, height: float, style: str, words: str = "", more: str = ""
) -> str:
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    if not words:
        return f'<rect class="{style}" {place}{more}/>'
    return f'<rect class="{style}" {place}{more}><title>{escape(words)}</title></rect>'


def _n(value: float) -> str:
    """A number of at most two digits after the point."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def nice(value: float) -> int:
    """Where an axis may end: the next of 2, 4, 6, 8, 10, 12, 16, 20 with noughts, whose half is whole as well."""
    size = 1
    while value > 20 * size:
        size *= 10
    return next(one * size for one in (2, 4, 6, 8, 10, 12, 16, 20) if one * size >= value)


def chosen(count: int) -> list[int]:
    """Which of so many places on an axis have a label: a few, evenly."""
    step = max(1, -(-count // LABELS))
    return list(range(0, count, step))
