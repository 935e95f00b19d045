"""A pipeline in the DOT language (https://graphviz.org/doc/info/lang.html), for those who have Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stageauto.engine.model import Pipeline, Stage
from stageauto.report.graph_edges import edges
from stageauto.report.tables import safe
from stageauto.report.upkeep import counted


def as_dot(pipeline: Pipeline, counts: Mapping[str, int] | None = None) -> Iterator[str]:
    """A graph from left to right; `counts`: how many items each stage has."""
    yield f"digraph {_quoted(pipeline.id)} {{"
    yield f"    graph [rankdir=LR, label={_quoted(pipeline.name)}, labelloc=t, fontname=sans]"
    yield "    node [shape=box, style=rounded, fontname=sans]; edge [fontname=sans, fontsize=10]"
    for stage in pipeline.stages:
        double = ", peripheries=2" if stage.closed else ""
        yield f"    s{stage.index} [label={_label(stage, counts)}{double}]"
    outside: dict[str, str] = {}
    for number, edge in enumerate(edges(pipeline)):
        origin = f"s{edge.origin}"
        if edge.origin is None:
            origin = f"i{number}"
            yield f"    {origin} [shape=point, label={_quoted('')}, tooltip={_quoted(edge.title)}]"
        target = f"s{edge.target}"
        if edge.target is None:
            if edge.outside not in outside:
                outside[edge.outside] = f"x{len(outside)}"
                yield f"    {outside[edge.outside]} [shape=cds, style=solid, label={_quoted(edge.outside)}]"
            target = outside[edge.outside]
        dashed = ", style=dashed" if edge.kind in {"back", "rule"} else ""
        # An arrow to the left would turn the order of the stages around.
        free = ", constraint=false" if edge.origin is not None and (edge.target or 0) < edge.origin else ""
        yield f"    {origin} -> {target} [label={_quoted(edge.label)}, tooltip={_quoted(edge.title)}{dashed}{free}]"
    yield "}"


def _label(stage: Stage, counts: Mapping[str, int] | None) -> str:
    lines = [stage.name, counted(len(stage.rules), "rule") if stage.rules else ""]
    if counts is not None:
        lines.append(counted(counts.get(stage.id, 0), "item"))
    return '"' + "\\n".join(_escaped(one) for one in lines if one) + '"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    r"""As it stands: neither the end of the string, nor an escape such as \N, nor an entity such as &amp;."""
    return safe(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
