"""The condition tree of `if:`, asked quickly or with a trace of every leaf.

A condition is an expression, true or false, or `{all: [...]}`, `{any: [...]}`, `{not: ...}` over conditions. An
expression is taken apart at its own `and`, `or` and `not`, so either way there is one tree with the admin's words in
its leaves. A missing value makes a comparison false; nothing here crashes over what a customer wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from jinja2 import nodes

from stageauto.engine.compile_expr import fast_function
from stageauto.engine.condition_split import Part, split
from stageauto.engine.refusals import LONGEST
from stageauto.engine.scalars import source_text
from stageauto.engine.showing import told
from stageauto.engine.template_faults import TemplateFault
from stageauto.engine.template_guard import near
from stageauto.engine.template_values import Values
from stageauto.engine.templates import Expression, Name, Templates
from stageauto.errors import StageautoError

Path = tuple[str | int, ...]
Scope = Mapping[str, object]
_WORDS = ("all", "any", "not")
_MAX_DEPTH = 30
_MAX_LEAVES = 1_000
_ORDERS = frozenset({"lt", "lteq", "gt", "gteq"})
_NUMBERS = frozenset({int, float})
_SCALARS = frozenset({bool, int, float})


class ConditionFault(StageautoError):  # noqa: N818 - a fault in a text, as TemplateFault
    """A condition that cannot be used: `path` leads to the place in its tree, `line` and `column` into its text."""

    def __init__(self, message: str, path: Path = (), line: int = 1, column: int = 1, hint: str = "") -> None:
        super().__init__(message, hint)
        self.path = path
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Leaf:
    """One asked question: its own text, its answer (None when it was not asked) and the values it was asked of."""

    source: str
    holds: bool | None
    values: tuple[tuple[str, object], ...]
    path: Path
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a condition, with every leaf in order and a sentence that names those that decided."""

    holds: bool
    leaves: tuple[Leaf, ...]
    because: str


class _Question:
    """A leaf. What only its trace needs is made when it is asked first."""

    def __init__(self, source: str, path: Path, expression: Expression) -> None:
        self.source = source
        self.path = path
        self.expression = expression

    @cached_property
    def reads(self) -> tuple[tuple[str, Callable[[Scope], Any]], ...]:
        values = self.expression.values
        return tuple({_dotted(name.path): _reader(name.path, values) for name in self.expression.names}.items())

    @cached_property
    def sides(self) -> tuple[Callable[[Scope], Any], Callable[[Scope], Any]] | None:
        return _sides(self.expression)

    @cached_property
    def compact(self) -> Mapping[bool, list[Any]]:
        """What is kept of each answer, but for the values."""
        names = [name for name, _ in self.reads]
        return {answer: [self.source, answer, names] for answer in (True, False)}

    def answer(self, scope: Scope, values: Values) -> Leaf:
        holds = bool(self.expression.fast(scope))
        read = tuple((name, reader(scope)) for name, reader in self.reads)
        return Leaf(self.source, holds, read, self.path, "" if holds else self.note(scope, values))

    def note(self, scope: Scope, values: Values) -> str:
        """Why the comparison could not be made; "" where it could."""
        if self.sides is None:
            return ""
        left, right = self.sides[0](scope), self.sides[1](scope)
        if left.__class__ in _NUMBERS and right.__class__ in _NUMBERS:
            return ""  # what `clash` would say after a longer look
        return values.clash(left, right)

    def unasked(self) -> Leaf:
        return Leaf(self.source, None, (), self.path)


@dataclass(frozen=True, slots=True)
class _Node:
    kind: Literal["all", "any", "not"]
    parts: tuple[_Node | _Question, ...]


_Tree = _Node | _Question


class Condition:
    """A compiled condition: `holds(scope)` for the answer alone, `evaluate(scope)` for the trace.

    `names` are the paths it reads; `located` has each with the path in the tree to the text it stands in.
    """

    def __init__(self, source: str, tree: _Tree, located: tuple[tuple[Path, Name], ...], values: Values) -> None:
        self.source = source
        self.located = located
        self.names: tuple[Name, ...] = tuple(name for _, name in located)
        self.constant_value = _constant(tree)
        self._tree = tree
        self._values = values
        self._fast = _joined_function(tree, values)

    @property
    def questions(self) -> tuple[str, ...]:
        """The text of each leaf, in the order in which `evaluate` gives them."""
        return tuple(one.source for one in _questions(self._tree))

    def holds(self, scope: Scope) -> bool:
        """Whether the condition holds in this scope."""
        return self._fast(scope) is True

    def evaluate(self, scope: Scope) -> Verdict:
        """The answer with all its leaves, asked in order and only as far as needed."""
        leaves: list[Leaf] = []
        holds, deciding = self._walk(self._tree, scope, leaves)
        return Verdict(holds, tuple(leaves), "; ".join(self._sentence(leaf) for leaf in deciding))

    def _walk(self, tree: _Tree, scope: Scope, leaves: list[Leaf]) -> tuple[bool, list[Leaf]]:
        if isinstance(tree, _Question):
            leaf = tree.answer(scope, self._values)
            leaves.append(leaf)
            return leaf.holds is True, [leaf]
        if tree.kind == "not":
            holds, deciding = self._walk(tree.parts[0], scope, leaves)
            return not holds, deciding
        stops_at = tree.kind == "any"
        asked: list[Leaf] = []
        for index, part in enumerate(tree.parts):
            holds, deciding = self._walk(part, scope, leaves)
            if holds is stops_at:
                leaves.extend(one.unasked() for rest in tree.parts[index + 1 :] for one in _questions(rest))
                return stops_at, deciding
            asked += deciding
        return not stops_at, asked

    def _sentence(self, leaf: Leaf) -> str:
        details = [f"{name} = {self._values.shown(value)}" for name, value in leaf.values]
        return told(leaf.source, leaf.holds, [*details, leaf.note] if leaf.note else details)

    def kept(self, scope: Scope) -> list[Any]:
        """The answer as `refusals.Kept`, of which `refusals.because` makes the sentence of `evaluate`.

        An event that many conditions refuse costs little more than their asking, since no text is made.
        """
        values: dict[str, Any] = {}
        shown: dict[str, str] = {}
        _, deciding = self._ask(self._tree, scope, values, shown)
        return [deciding, values, shown] if shown else [deciding, values]

    def _ask(
        self, tree: _Tree, scope: Scope, values: dict[str, Any], shown: dict[str, str]
    ) -> tuple[bool, list[list[Any]]]:
        if isinstance(tree, _Node):
            if tree.kind == "not":
                holds, deciding = self._ask(tree.parts[0], scope, values, shown)
                return not holds, deciding
            stops_at = tree.kind == "any"
            asked: list[list[Any]] = []
            for part in tree.parts:
                holds, deciding = self._ask(part, scope, values, shown)
                if holds is stops_at:
                    return stops_at, deciding
                asked += deciding
            return not stops_at, asked
        holds = bool(tree.expression.fast(scope))
        for name, reader in tree.reads:
            if name not in values:
                value = reader(scope)
                kind = value.__class__
                if kind is str:
                    values[name] = value if len(value) <= LONGEST else value[:LONGEST] + "…"
                elif value is None or kind in _SCALARS:
                    values[name] = value
                else:
                    values[name], shown[name] = str(value)[:LONGEST], self._values.shown(value)
        if not holds and (note := tree.note(scope, self._values)):
            return False, [[*tree.compact[False], note]]
        return holds, [tree.compact[holds]]


def compile_condition(tree: object, templates: Templates) -> Condition:
    """The condition of a parsed `if:`, the same one for the same text; raises ConditionFault."""
    if not isinstance(tree, str):
        return _compiled(tree, templates)
    known = templates.conditions.get(tree)
    if known is None:
        known = templates.conditions[tree] = _compiled(tree, templates)
    return known


def _compiled(tree: object, templates: Templates) -> Condition:
    compiler = _Compiler(templates)
    compiled = compiler.tree(tree, ())
    try:
        return Condition(_written(tree), compiled, tuple(compiler.located), templates.values)
    except TemplateFault as fault:
        raise ConditionFault(fault.message, (), fault.line, fault.column, fault.hint) from None


class _Compiler:
    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._leaves = 0
        self.located: list[tuple[Path, Name]] = []

    def tree(self, tree: object, path: Path) -> _Tree:
        if len(path) > 2 * _MAX_DEPTH:
            raise ConditionFault("the condition is nested too deeply", path, hint="split it into several rules")
        if isinstance(tree, bool):
            return self._question("true" if tree else "false", path)
        if isinstance(tree, str):
            return self._text(tree, path)
        if isinstance(tree, Mapping):
            return self._mapping(tree, path)
        found = "nothing" if tree is None else "a list" if isinstance(tree, list | tuple) else f"`{source_text(tree)}`"
        raise ConditionFault(f"a condition is an expression or all, any, not; here is {found}", path, hint=_EXAMPLE)

    def _mapping(self, tree: Mapping[object, object], path: Path) -> _Tree:
        for key in tree:
            if key not in _WORDS:
                hint = near(str(key), _WORDS) or "there are all, any and not"
                raise ConditionFault(f"a condition has no {str(key)!r}", (*path, str(key)), hint=hint)
        if len(tree) != 1:
            raise ConditionFault(
                "a condition has exactly one of all, any, not", path, hint="nest them: all: [any: ...]"
            )
        key, inner = next(iter(tree.items()))
        path = (*path, str(key))
        if key == "not":
            return _Node("not", (self.tree(inner, path),))
        if not isinstance(inner, (list, tuple)):
            raise ConditionFault(f"{key!r} takes a list of conditions", path, hint=f"{key}: [item.amount > 5000]")
        if not inner:
            raise ConditionFault(f"{key!r} is empty", path, hint="name a condition, or leave `if` out")
        parts = tuple(self.tree(one, (*path, index)) for index, one in enumerate(inner))
        return _Node("all" if key == "all" else "any", parts)

    def _text(self, source: str, path: Path) -> _Tree:
        stripped = source.strip()
        if not stripped:
            raise ConditionFault("the condition is empty", path, hint=_EXAMPLE)
        if stripped.startswith(("{{", "{%")):
            bare = stripped[2:].split("}}", 1)[0].split("%}", 1)[0].strip(" -")
            raise ConditionFault("a condition is written without braces", path, hint=f"write {bare[:80]}")
        try:
            whole = self._templates.expression(source)
            _ = whole.careful  # what is nested too deeply to be compiled is said here, for every leaf of it
            self.located += [(path, name) for name in whole.names]
            return self._part(split(source.strip("\n")), path)
        except TemplateFault as fault:
            raise ConditionFault(fault.message, path, fault.line, fault.column, fault.hint) from None
        except RecursionError:
            raise ConditionFault("the condition is nested too deeply", path, hint="use any: and all:") from None

    def _part(self, part: Part, path: Path) -> _Tree:
        if part.kind == "leaf":
            return self._question(part.text, path)
        return _Node(part.kind, tuple(self._part(one, path) for one in part.parts))

    def _question(self, source: str, path: Path) -> _Question:
        self._leaves += 1
        if self._leaves > _MAX_LEAVES:
            raise ConditionFault(f"a condition has at most {_MAX_LEAVES:,} questions", path, hint="split it")
        return _Question(source, path, self._templates.expression(source))


_EXAMPLE = "for instance item.amount > 5000"


def _written(tree: object) -> str:
    """The condition as one line of text."""
    if isinstance(tree, bool):
        return "true" if tree else "false"
    if isinstance(tree, Mapping):
        return ", ".join(f"{key}: {_written(one)}" for key, one in tree.items())
    if isinstance(tree, (list, tuple)):
        return "[" + "; ".join(_written(one) for one in tree) + "]"
    return str(tree).strip()


def _dotted(path: tuple[str, ...]) -> str:
    steps = [
        f".{part}" if part.isidentifier() else f"[{part}]" if part.isdigit() else f"[{part!r}]" for part in path[1:]
    ]
    return path[0] + "".join(steps)


def _reader(path: tuple[str, ...], values: Values) -> Callable[[Scope], Any]:
    tree: nodes.Expr = nodes.Name(path[0], "load")
    for part in path[1:]:
        tree = nodes.Getitem(tree, nodes.Const(int(part) if part.isdigit() else part), "load")
    return fast_function(tree, values)


def _sides(expression: Expression) -> tuple[Callable[[Scope], Any], Callable[[Scope], Any]] | None:
    """Both sides of a leaf that is one comparison by order, to say why it could not be made."""
    tree = expression.lowered
    if isinstance(tree, nodes.Filter) and tree.name == "@compare" and len(tree.args) == 2:
        operator, right = tree.args
        if isinstance(operator, nodes.Const) and operator.value in _ORDERS and isinstance(tree.node, nodes.Expr):
            return fast_function(tree.node, expression.values), fast_function(right, expression.values)
    return None


def _questions(tree: _Tree) -> list[_Question]:
    return [tree] if isinstance(tree, _Question) else [one for part in tree.parts for one in _questions(part)]


def _constant(tree: _Tree) -> bool | None:
    if isinstance(tree, _Question):
        return bool(tree.expression.careful({})) if tree.expression.constant else None
    known = [_constant(part) for part in tree.parts]
    if tree.kind == "not":
        return None if known[0] is None else not known[0]
    stops_at = tree.kind == "any"
    if stops_at in known:
        return stops_at
    return None if None in known else not stops_at


def _joined_tree(tree: _Tree) -> nodes.Expr:
    if isinstance(tree, _Question):
        return tree.expression.lowered  # type: ignore[no-any-return]
    if tree.kind == "not":
        return nodes.Not(_joined_tree(tree.parts[0]))
    joiner = nodes.And if tree.kind == "all" else nodes.Or
    made = _joined_tree(tree.parts[0])
    for part in tree.parts[1:]:
        made = joiner(made, _joined_tree(part))
    return made


def _joined_function(tree: _Tree, values: Values) -> Callable[[Scope], bool]:
    # WHY twice not: the function gives back True or False and nothing else, at no cost.
    return fast_function(nodes.Not(nodes.Not(_joined_tree(tree))), values)
