"""Text messages that may become too long once their values are put in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, nodes

from stageauto.engine.model import Field, Pipeline, Rule, Workspace
from stageauto.engine.scalars import source_text
from stageauto.loader.lint.view import Finding, View, rule_path, rules_of

LENGTHS: Final[Mapping[str, int]] = {
    "boolean": 5, "integer": 6, "number": 8, "money": 12, "date": 10, "datetime": 25, "phone": 16, "email": 40,
    "url": 60, "string": 30, "text": 100, "user": 20, "contact": 20, "company": 20, "item": 20, "file": 40,
    "booking": 20,
}  # fmt: skip
"""What a value of each type is taken to be at most, in characters."""

NAMES: Final[Mapping[str, int]] = {
    "first_name": 15, "last_name": 20, "name": 36, "email": 40, "phone": 16, "title": 40, "number": 12, "link": 80,
    "id": 20, "language": 5, "timezone": 20,
}  # fmt: skip
"""The same of names and addresses of contacts, companies, users and documents, and of the item's title."""

_OTHER: Final = 20
_FORMATS: Final[Mapping[str, int]] = {"date": 10, "time": 5, "datetime": 16, "money": 16, "phone": 18}
_PARSER: Final = Environment()  # noqa: S701 - it only reads the tree; nothing is rendered


@dataclass(frozen=True, slots=True)
class Length:
    """The most characters that a part may have; `sure` False where a length was taken for granted."""

    most: int
    sure: bool = True


def long_texts(view: View) -> Iterator[Finding]:
    """`sms-too-long` where values that are known make a text too long, `sms-may-be-long` where an estimate does."""
    for pipeline in view.pipelines():
        for rule in rules_of(pipeline):
            if rule.do == "send_sms" and rule.enabled:
                yield from _of_rule(view.workspace, pipeline, rule)


def _of_rule(workspace: Workspace, pipeline: Pipeline, rule: Rule) -> Iterator[Finding]:
    action: Any = rule.action
    measure = _Measure(workspace, pipeline, sure=True)
    tree = _PARSER.parse(action.text.source.strip()).body
    limit = action.max_length
    certain = measure.body(tree).most
    estimate = _Measure(workspace, pipeline, sure=False).body(tree).most
    path = (*rule_path(pipeline, rule), "with", "text")
    hint = "shorten the text, cut values with `truncate`, or set `max_length`"
    if certain > limit:
        message = f"with the longest values there are the text has {certain} characters; at most {limit} are allowed"
        yield Finding("sms-too-long", pipeline.file, path, message, hint)
    elif estimate > limit:
        message = f"with long values the text has some {estimate} characters; over {limit} it is not sent"
        yield Finding("sms-may-be-long", pipeline.file, path, message, hint)


@dataclass(frozen=True, slots=True)
class _Measure:
    """Measures a template. `sure`: of what is not known nothing is counted; else what LENGTHS and NAMES say."""

    workspace: Workspace
    pipeline: Pipeline
    sure: bool

    def body(self, body: Sequence[nodes.Node]) -> Length:
        return Length(sum(self._node(one) for one in body))

    def _node(self, node: nodes.Node) -> int:
        if isinstance(node, nodes.Output):
            return sum(self._part(one) for one in node.nodes)
        if isinstance(node, nodes.If):
            branches = (node.body, *(one.body for one in node.elif_), node.else_)
            return max(self.body(one).most for one in branches)
        if isinstance(node, nodes.Scope | nodes.With):
            return self.body(node.body).most
        if isinstance(node, nodes.For):
            return 0 if self.sure else self.body(node.body).most
        return 0

    def _part(self, node: nodes.Node) -> int:
        maker = _PARTS.get(type(node))
        return self._guess(_OTHER) if maker is None else maker(self, node)

    def data(self, node: nodes.TemplateData) -> int:
        """Text that stands there."""
        return len(node.data)

    def constant(self, node: nodes.Const) -> int:
        """A constant inside an expression."""
        return 0 if node.value is None else len(source_text(node.value))

    def either(self, node: nodes.CondExpr) -> int:
        """`a if x else b`."""
        return max(self._part(node.expr1), self._part(node.expr2) if node.expr2 is not None else 0)

    def joined(self, node: nodes.Concat) -> int:
        """`a ~ b`."""
        return sum(self._part(one) for one in node.nodes)

    def longer(self, node: nodes.Or) -> int:
        """`a or b`."""
        return max(self._part(node.left), self._part(node.right))

    def filtered(self, node: nodes.Filter) -> int:
        """`a | filter`."""
        inner = self._part(node.node) if node.node is not None else 0
        first = node.args[0] if node.args else None
        constant = first.value if isinstance(first, nodes.Const) else None
        if node.name == "truncate":
            return min(inner, constant if isinstance(constant, int) else 255)
        if node.name in {"default", "d"}:
            return max(inner, self._part(first) if first is not None else 0)
        if node.name in _FORMATS:
            return self._guess(_FORMATS[node.name])
        return inner if node.name in {"upper", "lower", "title", "capitalize", "trim"} else self._guess(_OTHER)

    def read(self, node: nodes.Getattr | nodes.Getitem | nodes.Name) -> int:
        """A value that is looked up."""
        path = _path(node)
        if not path:
            return self._guess(_OTHER)
        if path[0] == "vars" and len(path) == 2 and not isinstance(self.workspace.vars.get(path[1]), list | dict):
            return len(source_text(self.workspace.vars.get(path[1], "")))
        if path[0] == "item" and len(path) == 2 and path[1] in self.pipeline.fields:
            return self._field(self.pipeline.fields[path[1]])
        if path[0] == "responsible" and path[1:] in {("name",), ("email",), ("phone",)}:
            return max((len(getattr(user, path[1])) for user in self.workspace.users.values()), default=0)
        return self._guess(NAMES.get(path[-1], _OTHER))

    def _field(self, field: Field) -> int:
        if field.options and not field.multiple:
            return max(map(len, field.options))
        if field.options:
            return self._guess(sum(len(one) + 2 for one in field.options))
        return self._guess(LENGTHS.get(field.type, _OTHER))

    def _guess(self, length: int) -> int:
        return 0 if self.sure else length


_PARTS: Final[Mapping[type[nodes.Node], Callable[[_Measure, Any], int]]] = {
    nodes.TemplateData: _Measure.data,
    nodes.Const: _Measure.constant,
    nodes.CondExpr: _Measure.either,
    nodes.Concat: _Measure.joined,
    nodes.Or: _Measure.longer,
    nodes.Filter: _Measure.filtered,
    nodes.Getattr: _Measure.read,
    nodes.Getitem: _Measure.read,
    nodes.Name: _Measure.read,
}


def _path(node: nodes.Node) -> tuple[str, ...]:
    """The path of a look-up; empty where it is none."""
    parts: list[str] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getitem):
            if not isinstance(node.arg, nodes.Const):
                return ()
            parts.append(str(node.arg.value))
        else:
            parts.append(node.attr)
        node = node.node
    return (node.name, *reversed(parts)) if isinstance(node, nodes.Name) else ()
