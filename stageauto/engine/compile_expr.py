"""Turns a lowered Jinja2 expression into one Python function, for the places where it is asked a million times.

Two functions are made of each expression. The careful one asks the language's own functions at every step. The
hopeful one reads fields and compares with Python's own operators, where those mean the same for values that are there
and fit; any exception sends it to the careful one. Names and constants reach the code only as `repr` of plain
literals or as bound globals, never as text of the template.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import nodes
from markupsafe import Markup, escape

from stageauto.engine.template_faults import MAX_OUTPUT, TemplateFault, too_long
from stageauto.engine.template_inner import INNER
from stageauto.engine.template_tests import TESTS
from stageauto.engine.template_values import Run, Values

Function = Callable[[Mapping[str, object]], Any]

_SMALL = 10**9
_NATIVE = {"lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "eq": "==", "ne": "!="}
_DATE_LIKE = re.compile(r"\d{4}-\d\d")


class _Coder:
    """Writes the Python text of one expression and gathers the globals it needs."""

    def __init__(self, values: Values, *, hopeful: bool) -> None:
        self.values = values
        self.hopeful = hopeful
        self.globals: dict[str, Any] = {
            "__builtins__": {},
            "lookup": values.lookup,
            "read": _read,
            "text": _shower(values),
            "String": str,
            "Whole": int,
        }
        self.hoisted: dict[str, str] = {}
        self.needs_run = False
        self._variables = 0

    def bind(self, value: Any) -> str:
        name = f"g{len(self.globals)}"
        self.globals[name] = value
        return name

    def variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def code(self, node: Any) -> str:
        return _CODES[type(node)](self, node)

    def constant(self, value: Any) -> str:
        # WHY: Python warns of a literal that is subscripted or asked `is None`; a bound one is any value.
        return self.bind(value)

    def literal(self, value: Any) -> str:
        """The constant beside an operator or in brackets: written out when it is a small number."""
        return repr(value) if type(value) is int and abs(value) < _SMALL else self.bind(value)

    def name(self, node: nodes.Name) -> str:
        if node.name in self.hoisted:
            return self.hoisted[node.name]
        return f"scope[{node.name!r}]" if self.hopeful else f"read(scope, {node.name!r})"

    def getattr(self, node: nodes.Getattr) -> str:
        return self._field(node.node, repr(node.attr))

    def getitem(self, node: nodes.Getitem) -> str:
        if isinstance(node.arg, nodes.Const) and type(node.arg.value) in (str, int):
            return self._field(node.node, self.literal(node.arg.value))
        return f"lookup({self.code(node.node)}, {self.code(node.arg)})"

    def _field(self, node: nodes.Expr, key: str) -> str:
        inner = self.code(node)
        return f"{inner}[{key}]" if self.hopeful else f"lookup({inner}, {key})"

    def chain(self, node: Any) -> str:
        word = " and " if isinstance(node, nodes.And) else " or "
        return "(" + word.join(self.code(one) for one in _row(node)) + ")"

    def negation(self, node: nodes.Not) -> str:
        return f"(not {self.code(node.node)})"

    def choice(self, node: nodes.CondExpr) -> str:
        return f"({self.code(node.expr1)} if {self.code(node.test)} else {self.code(node.expr2)})"

    def test(self, node: nodes.Test) -> str:
        if node.name in {"none", "undefined"}:
            return f"({self.code(node.node)} is None)"
        if node.name == "defined":
            return f"({self.code(node.node)} is not None)"
        return self._called(self.bind(TESTS[node.name]), node)

    def filter(self, node: nodes.Filter) -> str:
        operator = node.args[0] if node.args else None
        if node.name == "@compare" and len(node.args) == 2 and isinstance(operator, nodes.Const):
            return self._compared(node.node, operator.value, node.args[1])
        return self._called(self.bind(INNER[node.name]), node)

    def _called(self, function: str, node: Any) -> str:
        self.needs_run = True
        args = [self.code(one) for one in node.args]
        named = [f"{keyword.key}={self.code(keyword.value)}" for keyword in node.kwargs]
        return f"{function}({', '.join(['run', self.code(node.node), *args, *named])})"

    def _compared(self, left: Any, operator: str, right: Any) -> str:
        if self.hopeful:
            if operator in _NATIVE and _plain_constant(right):
                return self._native(left, _NATIVE[operator], self.literal(right.value))
            options = _plain_options(right) if operator in {"in", "notin"} else None
            if options is not None:
                return self._native(left, "in" if operator == "in" else "not in", self.bind(options))
        function = self.bind(getattr(self.values, _METHODS[operator]))
        return f"{function}({self.code(left)}, {self.code(right)})"

    def _native(self, left: Any, operator: str, right: str) -> str:
        # WHY: a missing value differs from nothing and has no order; asked here it costs no exception.
        if operator in {"==", "in"}:
            return f"({self.code(left)} {operator} {right})"
        held = self.variable()
        return f"(({held} := {self.code(left)}) is not None and {held} {operator} {right})"


_METHODS = {"lt": "lt", "lteq": "lteq", "gt": "gt", "gteq": "gteq", "eq": "eq", "ne": "ne"} | {
    "in": "contains",
    "notin": "not_contains",
}
_CODES: dict[type, Callable[[_Coder, Any], str]] = {
    nodes.Const: lambda coder, node: coder.constant(node.value),
    nodes.TemplateData: lambda coder, node: coder.bind(node.data),
    nodes.Name: _Coder.name,
    nodes.Getattr: _Coder.getattr,
    nodes.Getitem: _Coder.getitem,
    nodes.And: _Coder.chain,
    nodes.Or: _Coder.chain,
    nodes.Not: _Coder.negation,
    nodes.CondExpr: _Coder.choice,
    nodes.Test: _Coder.test,
    nodes.Filter: _Coder.filter,
}
_FAULTS = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError)


def _read(scope: Mapping[str, object], name: str) -> object:
    try:
        return scope[name]
    except KeyError:
        return None


def _shower(values: Values) -> Callable[[Any], str]:
    return lambda value: str(values.text(value))


def _html_shower(values: Values) -> Callable[[Any], str]:
    return lambda value: escape(value) if value.__class__ is str else escape(values.text(value))


def _row(node: Any) -> Iterator[Any]:
    """The members of `a and b and c`, however the tree leans."""
    stack, kind = [node], type(node)
    while stack:
        one = stack.pop()
        if type(one) is kind:
            stack += [one.right, one.left]
        else:
            yield one


def _plain_constant(node: Any) -> bool:
    """Whether Python's own operators mean with this constant what the language means."""
    if not isinstance(node, nodes.Const) or node.value is None:
        return False
    return isinstance(node.value, (int, float)) or not _DATE_LIKE.match(node.value)


def _plain_options(node: Any) -> tuple[Any, ...] | None:
    if isinstance(node, nodes.Filter) and node.name == "@list" and all(map(_plain_constant, node.args)):
        return tuple(one.value for one in node.args if isinstance(one, nodes.Const))
    return None


def _certain(node: Any) -> Iterator[str]:
    """The names that are read whatever the values are."""
    if isinstance(node, nodes.Name):
        yield node.name
    elif isinstance(node, (nodes.And, nodes.Or)):
        yield from _certain(next(_row(node)))
    elif isinstance(node, nodes.CondExpr):
        yield from _certain(node.test)
    else:
        for child in node.iter_child_nodes():
            yield from _certain(child)


def _hoist(coder: _Coder, parts: Sequence[Any]) -> list[str]:
    """Names that are read several times are read once, first."""
    used = Counter(name.name for part in parts for name in _names(part))
    lines = []
    for name in dict.fromkeys(name for part in parts for name in _certain(part)):
        if used[name] > 1:
            held = coder.variable()
            lines.append(f"{held} = {coder.name(nodes.Name(name, 'load'))}")
            coder.hoisted[name] = held
    return lines


def _names(node: Any) -> Iterator[nodes.Name]:
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, nodes.Name):
            yield one
        stack.extend(one.iter_child_nodes())


def _function(coder: _Coder, lines: list[str]) -> Function:
    if coder.needs_run:
        coder.globals["Run"], coder.globals["values"] = Run, coder.values
        lines = ["run = Run(values, scope)", *lines]
    source = "def compiled(scope):\n " + "\n ".join(lines)
    try:
        exec(compile(source, "<expression>", "exec"), coder.globals)  # noqa: S102 - built from a checked tree
    except (SyntaxError, RecursionError, MemoryError):
        raise TemplateFault("the template is nested too deeply", hint="split it into several values") from None
    return coder.globals["compiled"]  # type: ignore[no-any-return]


def _fallback(coder: _Coder, lines: list[str], careful: Function) -> list[str]:
    coder.globals["careful"], coder.globals["faults"] = careful, _FAULTS
    return ["try:", *(f" {line}" for line in lines), "except faults:", " return careful(scope)"]


class _Deferred:
    """A function that is compiled when it is called first.

    Most of what a big workspace says is never asked for by one process, and compiling is most of what loading costs.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Function]) -> None:
        self._make = make
        self._made: Function | None = None

    def __call__(self, scope: Mapping[str, object]) -> Any:
        made = self._made
        if made is None:
            made = self._made = self._make()
        return made(scope)


_SHALLOW = 12


def _later(trees: Sequence[nodes.Node], make: Callable[[], Function]) -> Function:
    """Compiled later; now where it is so deep that compiling may fail, which has to be said while loading."""
    return make() if any(_deeper(tree, _SHALLOW) for tree in trees) else _Deferred(make)


def _deeper(node: nodes.Node, levels: int) -> bool:
    row = [node]
    for _ in range(levels):
        row = [child for one in row for child in one.iter_child_nodes()]
    return bool(row)


def careful_function(tree: nodes.Expr, values: Values) -> Function:
    """A function that gives back the expression's value for a scope, asking at every step."""
    return _later([tree], lambda: _careful(tree, values))


def fast_function(tree: nodes.Expr, values: Values) -> Function:
    """The same as `careful_function`, quick for values that are there and fit."""
    return _later([tree], lambda: _fast(tree, values))


def text_function(parts: Sequence[nodes.Expr], values: Values, *, html: bool) -> Function:
    """A function that gives back the text of constant pieces and expressions, one after the other."""
    return _later(parts, lambda: _text(parts, values, html=html))


def _careful(tree: nodes.Expr, values: Values) -> Function:
    coder = _Coder(values, hopeful=False)
    return _function(coder, [*_hoist(coder, [tree]), f"return {coder.code(tree)}"])


def _fast(tree: nodes.Expr, values: Values) -> Function:
    coder = _Coder(values, hopeful=True)
    lines = [*_hoist(coder, [tree]), f"return {coder.code(tree)}"]
    return _function(coder, _fallback(coder, lines, careful_function(tree, values)))


# Most values are texts or whole numbers: a call for each of them takes a third of the time.
PLAIN_TEXT = "it if (kind := (it := {}).__class__) is String else String(it) if kind is Whole"


def _text(parts: Sequence[nodes.Expr], values: Values, *, html: bool) -> Function:
    def as_text(code: str) -> str:
        return f"text({code})" if html else f"({PLAIN_TEXT.format(code)} else text(it))"

    def lines(coder: _Coder) -> list[str]:
        if html:
            coder.globals["text"] = _html_shower(values)
        made, shown = _hoist(coder, parts), []
        for one in parts:
            if isinstance(one, nodes.TemplateData):
                shown.append(coder.code(one))
            else:
                shown.append(coder.variable())
                made.append(f"{shown[-1]} = {as_text(coder.code(one))}")
        joined = "".join(f"{{{one}}}" for one in shown)
        return [*made, f'made = f"{joined}"', "return made if length(made) <= limit else refuse()"]

    careful, hopeful = _Coder(values, hopeful=False), _Coder(values, hopeful=True)
    for coder in (careful, hopeful):
        coder.globals |= {"length": len, "limit": MAX_OUTPUT, "refuse": _refuse}
    slow = _function(careful, lines(careful))
    return _function(hopeful, _fallback(hopeful, lines(hopeful), slow))


def _refuse() -> str:
    raise too_long()


def plain_result(value: Any) -> Any:
    """The value without the wrappers a template may have put around it: texts as str, groups as records."""
    if isinstance(value, Markup):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return value
