"""What a checked template reads, and which of its text is always there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes


@dataclass(frozen=True, slots=True)
class Name:
    """A variable that is read: its path, its line and column (both from 1) inside the scalar, and how it is written."""

    path: tuple[str, ...]
    line: int
    column: int
    written: str = ""


class _Collector:
    def __init__(self) -> None:
        self.found: list[tuple[tuple[str, ...], int]] = []

    def statements(self, body: Iterable[nodes.Node], bound: set[str]) -> None:
        for node in body:
            self.statement(node, bound)

    def statement(self, node: nodes.Node, bound: set[str]) -> None:
        """Gathers what one statement reads; what it sets is added to the bound names."""
        visit = _VISITS.get(type(node))
        if visit is not None:
            visit(self, node, bound)
        elif isinstance(node, nodes.Expr):
            self.expression(node, bound)
        else:
            for child in node.iter_child_nodes():
                self.expression(child, bound)

    def visit_for(self, node: nodes.For, bound: set[str]) -> None:
        """As `statement`, for `for`."""
        self.expression(node.iter, bound)
        inner = bound | _targets(node.target) | {"loop"}
        if node.test is not None:
            self.expression(node.test, inner)
        self.statements(node.body, inner)
        self.statements(node.else_, set(bound))

    def visit_if(self, node: nodes.If, bound: set[str]) -> None:
        """As `statement`, for `if`."""
        self.expression(node.test, bound)
        for body in (node.body, node.elif_, node.else_):
            self.statements(body, bound)

    def visit_assign(self, node: nodes.Assign, bound: set[str]) -> None:
        """As `statement`, for `assign`."""
        self.expression(node.node, bound)
        bound |= _targets(node.target)

    def visit_assign_block(self, node: nodes.AssignBlock, bound: set[str]) -> None:
        """As `statement`, for `assign_block`."""
        self.statements(node.body, set(bound))
        if node.filter is not None:
            self.expression(node.filter, bound)
        bound |= _targets(node.target)

    def visit_with(self, node: nodes.With, bound: set[str]) -> None:
        """As `statement`, for `with`."""
        for value in node.values:
            self.expression(value, bound)
        self.statements(node.body, bound.union(*map(_targets, node.targets)))

    def visit_filter_block(self, node: nodes.FilterBlock, bound: set[str]) -> None:
        """As `statement`, for `filter_block`."""
        self.expression(node.filter, bound)
        self.statements(node.body, set(bound))

    def visit_scope(self, node: nodes.Scope, bound: set[str]) -> None:
        """As `statement`, for `scope`."""
        self.statements(node.body, set(bound))

    def expression(self, node: nodes.Node, bound: set[str]) -> None:
        stack = [node]
        while stack:
            one = stack.pop()
            if isinstance(one, nodes.Call):
                called = [one.node.node] if isinstance(one.node, nodes.Getattr) else []
                children: list[nodes.Node] = [*called, *one.args, *(keyword.value for keyword in one.kwargs)]
            else:
                path = _path(one)
                if path is not None:
                    if path[0] not in bound:
                        self.found.append((path, _root_line(one)))
                    continue
                children = list(one.iter_child_nodes())
            stack.extend(reversed(children))


_VISITS: dict[type[nodes.Node], Callable[[_Collector, Any, set[str]], None]] = {
    nodes.For: _Collector.visit_for,
    nodes.If: _Collector.visit_if,
    nodes.Assign: _Collector.visit_assign,
    nodes.AssignBlock: _Collector.visit_assign_block,
    nodes.With: _Collector.visit_with,
    nodes.FilterBlock: _Collector.visit_filter_block,
    nodes.Scope: _Collector.visit_scope,
    nodes.Template: _Collector.visit_scope,
}


def _targets(node: nodes.Node) -> set[str]:
    names = node.items if isinstance(node, nodes.Tuple) else [node]
    return {name.name for name in names if isinstance(name, nodes.Name)}


def _path(node: nodes.Node) -> tuple[str, ...] | None:
    parts: list[str] = []
    while True:
        if isinstance(node, nodes.Getattr):
            parts.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            parts.append(str(node.arg.value))
        elif isinstance(node, nodes.Name) and node.ctx == "load":
            return (node.name, *reversed(parts))
        else:
            return None
        node = node.node


def _root_line(node: nodes.Node) -> int:
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        node = node.node
    return node.lineno or 1


def names_of(tree: nodes.Node, source: str) -> tuple[Name, ...]:
    """Every path read, in order, without the template's own loop and set variables."""
    collector = _Collector()
    collector.statement(tree, set())
    lines = source.split("\n")
    used: dict[int, set[int]] = {}
    names = []
    for path, line in collector.found:
        taken = used.setdefault(line, set())
        column, written = _found(lines[line - 1] if line <= len(lines) else "", path, taken)
        taken.add(column)
        names.append(Name(path, line, column, written))
    return tuple(names)


def _found(text: str, path: tuple[str, ...], taken: set[int]) -> tuple[int, str]:
    """The column of the next place in the line where this path stands, and its text; 1 when it cannot be told."""
    root = rf"(?<![\w.]){re.escape(path[0])}(?!\w)"
    steps = "".join(rf"\s*(?:\.\s*{re.escape(p)}(?!\w)|\[\s*['\"]?{re.escape(p)}['\"]?\s*\])" for p in path[1:20])
    for pattern in (root + steps + r"(?!\s*\.\s*\w|\s*\[)", root + steps, root):
        for found in re.finditer(pattern, text[:4000]):
            if found.start() + 1 not in taken:
                return found.start() + 1, found.group()
    return 1, ""


def fixed_text(body: Iterable[nodes.Node]) -> str:
    """The text that stands in every rendering: without values and loops, and of branches only the shortest."""
    parts: list[str] = []
    for node in body:
        if isinstance(node, nodes.Output):
            parts.extend(one.data for one in node.nodes if isinstance(one, nodes.TemplateData))
        elif isinstance(node, nodes.If):
            branches = [node.body, *(one.body for one in node.elif_), node.else_]
            parts.append(min((fixed_text(branch) for branch in branches), key=len))
        elif isinstance(node, (nodes.Scope, nodes.With)):
            parts.append(fixed_text(node.body))
    return "".join(parts)
