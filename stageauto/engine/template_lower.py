"""Rewrites a checked tree so that every operator, call and literal goes through the language's own functions.

After it no call, comparison, arithmetic or slice of Jinja2's (or Python's) own is left: each is a filter with a name
that nobody can write (`@compare`). So both ways to run a template, Jinja2's compiler and `compile_expr`, mean the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import nodes

_ARITHMETIC = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
    nodes.Pow: "**",
}
_CHARS_PER_UNIT = 16
_LEAST = 10


def filtered(name: str, value: Any, *args: nodes.Expr, kwargs: list[Any] | None = None) -> nodes.Filter:
    """A call of an inner function, as a node."""
    return nodes.Filter(value, name, list(args), kwargs or [], None, None, lineno=value.lineno)


def lower(node: Any) -> Any:
    """The node rewritten, its children too; targets of `for`, `set` and `with` stay."""
    rewrite = _REWRITES.get(type(node))
    if rewrite is not None:
        return rewrite(node)
    return _lower_children(node, ())


def _lower_children(node: Any, kept: tuple[str, ...]) -> Any:
    for field in node.fields:
        if field in kept:
            continue
        value = getattr(node, field)
        if isinstance(value, list):
            setattr(node, field, [lower(one) if isinstance(one, nodes.Node) else one for one in value])
        elif isinstance(value, nodes.Node):
            setattr(node, field, lower(value))
    return node


def _compare(node: nodes.Compare) -> nodes.Expr:
    first = node.ops[0]
    if len(node.ops) == 1 and first.op in {"eq", "ne"} and (_is_none(node.expr) or _is_none(first.expr)):
        asked = lower(first.expr if _is_none(node.expr) else node.expr)
        test = nodes.Test(asked, "none", [], [], None, None, lineno=node.lineno)
        return test if first.op == "eq" else nodes.Not(test, lineno=node.lineno)
    args: list[nodes.Expr] = []
    for operand in node.ops:
        args += [nodes.Const(operand.op), lower(operand.expr)]
    return filtered("@compare", lower(node.expr), *args)


def _is_none(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Const) and node.value is None


def _binary(node: Any) -> nodes.Expr:
    return filtered("@compute", lower(node.left), nodes.Const(_ARITHMETIC[type(node)]), lower(node.right))


def _unary(name: str) -> Callable[[Any], nodes.Expr]:
    return lambda node: filtered("@compute", lower(node.node), nodes.Const(name))


def _call(node: nodes.Call) -> nodes.Expr:
    args = [lower(one) for one in node.args]
    kwargs = [lower(one) for one in node.kwargs]
    called: Any = node.node
    if isinstance(called, nodes.Name):
        return filtered(f"@function {called.name}", nodes.Const(None, lineno=node.lineno), *args, kwargs=kwargs)
    return filtered(f"@method {called.attr}", lower(called.node), *args, kwargs=kwargs)


def _getitem(node: nodes.Getitem) -> nodes.Expr:
    if not isinstance(node.arg, nodes.Slice):
        return _lower_children(node, ())  # type: ignore[no-any-return]
    none = nodes.Const(None)
    bounds = [none if one is None else lower(one) for one in (node.arg.start, node.arg.stop, node.arg.step)]
    return filtered("@slice", lower(node.node), *bounds)


def _literal(node: Any) -> nodes.Expr:
    return filtered("@list", nodes.Const(None, lineno=node.lineno), *map(lower, node.items))


def _dict(node: nodes.Dict) -> nodes.Expr:
    pairs = [lower(one) for pair in node.items for one in (pair.key, pair.value)]
    return filtered("@dict", nodes.Const(None, lineno=node.lineno), *pairs)


def _concat(node: nodes.Concat) -> nodes.Expr:
    return filtered("@concat", nodes.Const(None, lineno=node.lineno), *map(lower, node.nodes))


def _condexpr(node: nodes.CondExpr) -> nodes.Expr:
    if node.expr2 is None:
        node.expr2 = nodes.Const(None, lineno=node.lineno)
    return _lower_children(node, ())  # type: ignore[no-any-return]


def _for(node: nodes.For) -> nodes.For:
    weight = nodes.Const(max(_LEAST, _weight(node)))
    _lower_children(node, ("target",))
    node.iter = filtered("@loop", node.iter, nodes.Const(_arity(node.target)), weight)
    return node


def _weight(node: nodes.For) -> int:
    """What one round costs: a unit for each part of the body and for each piece of its text."""
    size = sum(1 for _ in node.find_all(nodes.Node))
    return size + sum(len(one.data) for one in node.find_all(nodes.TemplateData)) // _CHARS_PER_UNIT


def _arity(target: Any) -> int:
    return len(target.items) if isinstance(target, nodes.Tuple) else 0


def _assign(node: nodes.Assign) -> nodes.Assign:
    _lower_children(node, ("target",))
    if isinstance(node.target, nodes.Tuple):
        node.node = filtered("@unpack", node.node, nodes.Const(_arity(node.target)))
    return node


def _assign_block(node: nodes.AssignBlock) -> nodes.AssignBlock:
    return _lower_children(node, ("target",))  # type: ignore[no-any-return]


def _with(node: nodes.With) -> nodes.With:
    return _lower_children(node, ("targets",))  # type: ignore[no-any-return]


_REWRITES: dict[type, Callable[[Any], Any]] = {
    nodes.Compare: _compare,
    **dict.fromkeys(_ARITHMETIC, _binary),
    nodes.Neg: _unary("neg"),
    nodes.Pos: _unary("pos"),
    nodes.Call: _call,
    nodes.Getitem: _getitem,
    nodes.List: _literal,
    nodes.Tuple: _literal,
    nodes.Dict: _dict,
    nodes.Concat: _concat,
    nodes.CondExpr: _condexpr,
    nodes.For: _for,
    nodes.Assign: _assign,
    nodes.AssignBlock: _assign_block,
    nodes.With: _with,
}
