"""Reads a template's text into Jinja2's tree and lets through only what the language allows.

Nothing is compiled here. What passes holds no call, attribute, filter or tag outside the lists, is not too large and
not too deep; the rest is a TemplateFault that names the place and the way out.
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from stageauto.engine.template_faults import MAX_DEPTH, MAX_NODES, MAX_SOURCE, TemplateFault
from stageauto.engine.template_filters import FILTERS, wrong_format
from stageauto.engine.template_tests import FUNCTIONS, METHODS, TESTS

_MAX_LOOPS = 8
_ALLOWED: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name, nodes.NSRef, nodes.Getattr),
    *(nodes.Getitem, nodes.Slice, nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Concat),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg, nodes.Pos),
    *(nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call, nodes.Keyword, nodes.List, nodes.Tuple, nodes.Dict),
    *(nodes.Pair, nodes.If, nodes.For, nodes.Assign, nodes.AssignBlock, nodes.FilterBlock, nodes.With, nodes.Scope),
    *(nodes.Include, nodes.Extends, nodes.Block),
)
_TAGS = {
    "Macro": "macro",
    "CallBlock": "call",
    "Import": "import",
    "FromImport": "from ... import",
    "ScopedEvalContextModifier": "autoescape",
}
_HYPHENED = frozenset({"results", "users"})
_SLIPS = {"=": "compare with ==", "&": "write `and`", "|": "write `or`", "!": "write `not`"}


def place(source: str, line: int, word: str) -> int:
    """The column, from 1, of a word in that line of the source; 1 when it is not found there."""
    lines = source.split("\n", line)
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) or re.search(re.escape(word), text)
    return found.start() + 1 if word and found else 1


def near(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word, or with nothing."""
    found = difflib.get_close_matches(word[:60], list(known), n=1)
    return f"did you mean {found[0]!r}?" if found else ""


def parse_template(environment: Environment, source: str) -> nodes.Template:
    """The tree of a template's text; raises TemplateFault."""
    tree = _parsed(source, lambda: Parser(environment, source).parse())
    check(tree, source)
    return tree  # type: ignore[no-any-return]


def parse_expression(environment: Environment, source: str) -> nodes.Expr:
    """The tree of one expression's text, without braces; raises TemplateFault."""

    def parse() -> nodes.Expr:
        parser = Parser(environment, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            token = parser.stream.current
            raise TemplateSyntaxError(f"unexpected {str(token.value)!r}", token.lineno)
        return tree

    tree = _parsed(source, parse)
    check(tree, source)
    return tree  # type: ignore[no-any-return]


def _parsed(source: str, parse: Callable[[], Any]) -> Any:
    if len(source) > MAX_SOURCE:
        raise TemplateFault(f"a template has at most {MAX_SOURCE // 1024} KiB", hint="put long texts in templates/")
    if source.count("{{") + source.count("{%") > MAX_NODES:  # Jinja2 takes half a second to find that
        raise TemplateFault(f"the template has more than {MAX_NODES:,} parts", hint="split it")
    try:
        return parse()
    except TemplateSyntaxError as error:
        raise _syntax_fault(source, error) from None
    except (RecursionError, MemoryError):
        raise TemplateFault("the template is nested too deeply", hint="split it into several values") from None
    except (ValueError, OverflowError):
        raise TemplateFault("the template holds a number that cannot be read") from None


def _syntax_fault(source: str, error: TemplateSyntaxError) -> TemplateFault:
    message = re.sub(r" at \d+$", "", (error.message or "it cannot be read").rstrip("."))
    message = message.replace("unexpected 'end of template'", "it ends too early")
    words = re.findall(r"'([^']+)'", message)
    culprit = words[-1] if words and message.startswith("expected") else words[0] if words else ""
    column = place(source, error.lineno, culprit)
    return TemplateFault(message[:200], error.lineno, column, _SLIPS.get(culprit, ""))


def check(tree: nodes.Node, source: str) -> None:
    """Raises TemplateFault for the first thing in the tree that is not allowed."""
    spaces = _namespaces(tree) if "namespace" in source else set()
    stack: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    count = 0
    while stack:
        node, depth, loops = stack.pop()
        count += 1
        if count > MAX_NODES:
            raise TemplateFault(f"the template has more than {MAX_NODES:,} parts", hint="split it")
        loops += isinstance(node, nodes.For)
        if depth > MAX_DEPTH or loops > _MAX_LOOPS:
            raise _fault(source, node, "the template is nested too deeply", "", "split it into several values")
        _check_node(node, source, spaces)
        for child in node.iter_child_nodes():
            # WHY: `a and b and c` is a row to the reader, however the tree leans.
            same = type(child) is type(node) and isinstance(node, (nodes.And, nodes.Or))
            stack.append((child, depth if same else depth + 1, loops))


def _namespaces(tree: nodes.Node) -> set[str]:
    found, stack = set(), [tree]
    while stack:
        node = stack.pop()
        stack.extend(node.iter_child_nodes())
        if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            called = node.node.node if isinstance(node.node, nodes.Call) else None
            if isinstance(called, nodes.Name) and called.name == "namespace":
                found.add(node.target.name)
    return found


def _fault(source: str, node: nodes.Node, message: str, word: str, hint: str = "") -> TemplateFault:
    line = node.lineno or 1
    return TemplateFault(message, line, place(source, line, word), hint)


def _check_node(node: nodes.Node, source: str, spaces: set[str]) -> None:
    if not isinstance(node, _ALLOWED):
        name = _TAGS.get(type(node).__name__, type(node).__name__.lower())
        hint = "there are if, for, set, with, filter, include, extends and block"
        raise _fault(source, node, f"the tag {name!r} cannot be used", name.split(" ", 1)[0], hint)
    checker = _CHECKS.get(type(node))
    if checker is not None:
        checker(node, source)
    elif isinstance(node, nodes.NSRef) and node.name not in spaces:
        hint = f"begin with {{% set {node.name} = namespace({node.attr}=...) %}}"
        raise _fault(source, node, f"{node.name!r} is no namespace, so its fields cannot be set", node.name, hint)


def _check_name(node: nodes.Name, source: str) -> None:
    if node.name.startswith("_"):
        raise _fault(source, node, f"the name {node.name!r} cannot be used", node.name, "names begin with a letter")


def _check_const(node: nodes.Const, source: str) -> None:
    if isinstance(node.value, float) and not math.isfinite(node.value):
        raise _fault(source, node, "the number is too large", "")


def _check_getattr(node: nodes.Getattr, source: str) -> None:
    if node.attr.startswith("_"):
        raise _fault(
            source, node, f"the attribute {node.attr!r} cannot be used", node.attr, "names begin with a letter"
        )


def _check_getitem(node: nodes.Getitem, source: str) -> None:
    argument = node.arg
    if isinstance(argument, nodes.Const) and isinstance(argument.value, str) and argument.value.startswith("_"):
        raise _fault(source, node, f"the field {argument.value!r} cannot be used", argument.value)


def _check_for(node: nodes.For, source: str) -> None:
    if node.recursive:
        raise _fault(source, node, "a loop cannot be recursive", "recursive")
    _check_target(node.target, node, source)


def _check_assign(node: nodes.Assign, source: str) -> None:
    _check_target(node.target, node, source)


def _check_target(target: nodes.Node, node: nodes.Node, source: str) -> None:
    inner = target.items if isinstance(target, nodes.Tuple) else [target]
    for one in inner:
        if not isinstance(one, (nodes.Name, nodes.NSRef)):
            raise _fault(source, node, "names in names cannot be set", "for", "write: for key, value in ...")
        if isinstance(one, nodes.Name) and one.name == "loop":
            raise _fault(source, node, "'loop' is what the loop itself is called", "loop", "take another name")


def _check_sub(node: nodes.Sub, source: str) -> None:
    left = node.left
    if not (isinstance(left, nodes.Getattr) and isinstance(left.node, nodes.Name) and left.node.name in _HYPHENED):
        return
    root, name = left.node.name, _hyphened(left, source)
    hint = f"write {root}[{name!r}]"
    raise _fault(source, node, f"{root}.{name} is read as a subtraction", f"{root}.{left.attr}", hint)


def _hyphened(left: nodes.Getattr, source: str) -> str:
    pattern = rf"{left.attr}(?:-\w+)+"
    found = re.search(pattern, source)
    return found.group() if found else f"{left.attr}-..."


def _dynamic(node: Any, source: str, word: str) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _fault(source, node, f"the arguments of {word!r} cannot be spread with *", word, "write them one by one")


def _check_arguments(node: Any, source: str, word: str, function: Callable[..., Any]) -> None:
    _dynamic(node, source, word)
    names = [keyword.key for keyword in node.kwargs]
    try:
        inspect.signature(function).bind(None, None, *node.args, **dict.fromkeys(names))
    except TypeError as error:
        parameters = list(inspect.signature(function).parameters)[2:]
        hint = f"it takes {', '.join(parameters)}" if parameters else "it takes nothing"
        text = f"{word!r} is not called so: {str(error).replace('got an ', '')}"
        raise _fault(source, node, text, word, hint) from None


def _check_filter(node: nodes.Filter, source: str) -> None:
    _known(node, source, "filter", node.name, FILTERS)
    _check_arguments(node, source, node.name, FILTERS[node.name])
    first = node.args[0] if node.args else None
    if node.name in {"date", "time", "datetime"} and isinstance(first, nodes.Const):
        wrong = wrong_format(first.value)
        if wrong:
            raise _fault(source, node, wrong, node.name, "for instance '%d.%m.%Y %H:%M'")
    _check_inner_name(node, source)


def _check_inner_name(node: nodes.Filter, source: str) -> None:
    """The names that `map('upper')` and `select('odd')` give as text are held to the same lists."""
    table, kind, at = _INNER.get(node.name, (None, "", 0))
    if table is None or len(node.args) <= at:
        return
    argument = node.args[at]
    if not isinstance(argument, nodes.Const) or not isinstance(argument.value, str):
        raise _fault(source, node, f"{node.name!r} wants the {kind}'s name as text", node.name)
    _known(node, source, kind, argument.value, table)
    rest = nodes.Filter(None, argument.value, node.args[at + 1 :], [], None, None, lineno=node.lineno)
    _check_arguments(rest, source, argument.value, table[argument.value])


def _check_test(node: nodes.Test, source: str) -> None:
    _known(node, source, "test", node.name, TESTS)
    _check_arguments(node, source, node.name, TESTS[node.name])


def _known(node: nodes.Node, source: str, kind: str, name: str, table: Mapping[str, Any]) -> None:
    if name not in table:
        hint = near(name, table)
        raise _fault(source, node, f"there is no {kind} {name!r}", name, hint)


def _check_call(node: nodes.Call, source: str) -> None:
    called = node.node
    if isinstance(called, nodes.Name):
        if called.name in FILTERS and called.name not in FUNCTIONS:
            hint = f"{called.name} is a filter: write value | {called.name}"
            raise _fault(source, node, f"there is no function {called.name!r}", called.name, hint)
        _known(node, source, "function", called.name, FUNCTIONS)
        _check_arguments(node, source, called.name, FUNCTIONS[called.name])
    elif isinstance(called, nodes.Getattr):
        if called.attr.startswith("_"):
            _check_getattr(called, source)
        if called.attr in FILTERS and called.attr not in METHODS:
            hint = f"{called.attr} is a filter: write value | {called.attr}"
            raise _fault(source, node, f"there is no method {called.attr!r}", called.attr, hint)
        _known(node, source, "method", called.attr, METHODS)
        _check_arguments(node, source, called.attr, METHODS[called.attr])
    else:
        raise _fault(source, node, "only functions and methods can be called", "(")


_INNER: dict[str, tuple[Mapping[str, Any], str, int]] = {
    "map": (FILTERS, "filter", 0),
    "select": (TESTS, "test", 0),
    "reject": (TESTS, "test", 0),
    "selectattr": (TESTS, "test", 1),
    "rejectattr": (TESTS, "test", 1),
}
_CHECKS: dict[type[nodes.Node], Callable[[Any, str], None]] = {
    nodes.Name: _check_name,
    nodes.Const: _check_const,
    nodes.Getattr: _check_getattr,
    nodes.Getitem: _check_getitem,
    nodes.For: _check_for,
    nodes.Assign: _check_assign,
    nodes.Sub: _check_sub,
    nodes.Filter: _check_filter,
    nodes.Test: _check_test,
    nodes.Call: _check_call,
}
