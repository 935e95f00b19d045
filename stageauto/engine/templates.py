"""The sandboxed, deterministic Jinja2 of the language, compiled once.

A text, a value or an expression is read, checked, rewritten (`template_lower`) and compiled when it is asked for the
first time; rendering then takes a scope: a mapping of names to plain data, from which only the names that are used are
read. What a customer wrote is only ever such data. Raises TemplateFault when compiled, TemplateBudget when rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import ChainableUndefined, TemplateError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from stageauto.engine.compile_expr import careful_function, fast_function, plain_result, text_function
from stageauto.engine.template_faults import MAX_OUTPUT, TemplateBudget, TemplateFault, too_long
from stageauto.engine.template_files import Files
from stageauto.engine.template_guard import near, parse_expression, parse_template
from stageauto.engine.template_inner import INNER
from stageauto.engine.template_lower import lower
from stageauto.engine.template_names import Name, fixed_text, names_of
from stageauto.engine.template_tests import TESTS
from stageauto.engine.template_values import Run, Values, plain

if TYPE_CHECKING:
    from stageauto.engine.calendars import Calendar
    from stageauto.engine.conditions import Condition

__all__ = ["Expression", "Name", "TemplateBudget", "TemplateFault", "Templates", "Text", "Value"]

Scope = Mapping[str, object]
_NO_SOURCES: Mapping[str, str] = MappingProxyType({})
# WHY so few: all parts stand in memory at once there, each of up to 1 MB.
_MAX_PARTS = 100
_UNFORESEEN = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


class _ScopeContext(Context):
    """Jinja2's context over a scope that may work its values out only when they are read."""

    run: Run

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        try:
            return self.run.scope[key]
        except KeyError:
            return missing


def _with_run(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def call(context: _ScopeContext, value: Any, *args: Any, **kwargs: Any) -> Any:
        return function(context.run, value, *args, **kwargs)

    return call


class _Environment(ImmutableSandboxedEnvironment):
    context_class = _ScopeContext

    def __init__(self, values: Values, *, html: bool) -> None:
        super().__init__(
            autoescape=html, optimized=False, undefined=ChainableUndefined, keep_trailing_newline=True, cache_size=0
        )
        self.values = values
        self.globals.clear()
        self.filters = {name: _with_run(function) for name, function in INNER.items()}
        self.tests = {name: _with_run(function) for name, function in TESTS.items()}
        # WHY with the context: a finalizer that needs it keeps Jinja2 from working constants out while compiling.
        self.finalize = pass_context(lambda context, value: context.run.keep(values.text(plain(value), context.run)))

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.values.lookup(plain(obj), attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.values.lookup(plain(obj), plain(argument))

    def renderer(self, tree: nodes.Template) -> Callable[[Scope], str]:
        """A function that renders a lowered tree by Jinja2's own compiled code."""
        code = self.compile(tree, filename="<template>")
        template = self.template_class.from_code(self, code, {})

        def render(scope: Scope) -> str:
            context = _ScopeContext(self, {}, None, {})
            context.run = Run(self.values, scope)
            parts, size = [], 0
            try:
                for part in template.root_render_func(context):
                    size += len(part)
                    if size > MAX_OUTPUT:
                        raise too_long()
                    parts.append(part)
            except _UNFORESEEN as error:
                raise TemplateBudget(f"the template cannot be rendered: {error}"[:300]) from None
            return "".join(parts)

        return render


class Expression:
    """One computed value: `evaluate(scope)` gives it back as plain data, None when it is missing."""

    def __init__(self, source: str, tree: nodes.Expr, values: Values) -> None:
        self.source = source
        self.fixed = ""
        self.names = names_of(tree, source)
        self.constant = not self.names
        self.lowered = _lowered(tree)
        self.values = values

    @cached_property
    def fast(self) -> Callable[[Scope], Any]:
        """The function that gives back the value as it is computed."""
        return fast_function(self.lowered, self.values)

    @cached_property
    def careful(self) -> Callable[[Scope], Any]:
        """The same function, without the short cuts: what the short cuts are tested against."""
        return careful_function(self.lowered, self.values)

    def evaluate(self, scope: Scope) -> Any:
        """The value for this scope."""
        return plain_result(self.fast(scope))


class Text:
    """A text with computed parts: `render(scope)` gives it back."""

    def __init__(self, source: str, names: tuple[Name, ...], fixed: str, render: Callable[[Scope], str]) -> None:
        self.source = source
        self.names = names
        self.fixed = fixed
        self.constant = not names
        self.render = render


class Value:
    """A scalar, list or record from the YAML whose texts may be computed: `render(scope)` gives back plain data."""

    def __init__(self, source: object, render: Callable[[Scope], Any], names: tuple[Name, ...], fixed: str) -> None:
        self.source = source
        self.names = names
        self.fixed = fixed
        self.constant = not names
        self.render = render


def _lowered(tree: Any) -> Any:
    try:
        return lower(tree)
    except RecursionError:
        raise TemplateFault("the template is nested too deeply", hint="split it into several values") from None


class Templates:
    """Compiles the templates of one workspace and remembers them by their text."""

    def __init__(
        self,
        *,
        zone: ZoneInfo,
        sources: Mapping[str, str] = _NO_SOURCES,
        working: Calendar | None = None,
        currency: str = "",
    ) -> None:
        self.values = Values(zone, working, currency)
        self._sources = sources
        self._environments = {html: _Environment(self.values, html=html) for html in (False, True)}
        self._texts: dict[tuple[str, bool], Text] = {}
        self._scalars: dict[str, Value] = {}
        self._expressions: dict[str, Expression] = {}
        self.conditions: dict[str, Condition] = {}  # by their text; `compile_condition` keeps them

    def text(self, source: str, *, html: bool = False) -> Text:
        """The text as a template; with `html`, what is put in is escaped."""
        known = self._texts.get((source, html))
        if known is None:
            known = self._texts[source, html] = self._compiled(source, self._tree(source), html=html)
        return known

    def file(self, name: str, *, html: bool) -> Text:
        """The file of that name in templates/ as a template."""
        if name not in self._sources:
            raise TemplateFault(f"there is no template {name!r} in templates/", hint=near(name, self._sources))
        return self.text(self._sources[name], html=html)

    def expression(self, source: str) -> Expression:
        """An expression, written without braces."""
        known = self._expressions.get(source)
        if known is None:
            tree = parse_expression(self._environments[False], source)
            known = self._expressions[source] = Expression(source, tree, self.values)
        return known

    def value(self, source: object) -> Value:
        """A scalar, list or record; a text that is exactly one `{{ expression }}` keeps the expression's type."""
        if isinstance(source, str):
            known = self._scalars.get(source)
            if known is None:
                known = self._scalars[source] = self._scalar(source)
            return known
        if isinstance(source, Mapping):
            inner = {key: self.value(one) for key, one in source.items()}
            return _joined(source, list(inner.values()), lambda s: {key: one.render(s) for key, one in inner.items()})
        if isinstance(source, (list, tuple)):
            parts = [self.value(one) for one in source]
            return _joined(source, parts, lambda s: [one.render(s) for one in parts])
        return Value(source, lambda _: source, (), "")

    def _scalar(self, source: str) -> Value:
        if "{{" not in source and "{%" not in source and "{#" not in source:
            return Value(source, lambda _: source, (), source)
        tree = self._tree(source.rstrip("\n"))
        only = tree.body[0].nodes if len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output) else []
        if len(only) == 1 and not isinstance(only[0], nodes.TemplateData):
            expression = Expression(source, only[0], self.values)
            return Value(source, expression.evaluate, expression.names, "")
        text = self.text(source)
        return Value(source, text.render, text.names, text.fixed)

    def _tree(self, source: str) -> nodes.Template:
        try:
            environment = self._environments[False]
            tree = parse_template(environment, source)
            return Files(environment, self._sources, source).expanded(tree) if "{%" in source else tree
        except RecursionError:
            raise TemplateFault("the template is nested too deeply", hint="split it into several values") from None

    def _compiled(self, source: str, tree: nodes.Template, *, html: bool) -> Text:
        # WHY first: lowering rewrites the tree in place.
        names, fixed = names_of(tree, source), fixed_text(tree.body)
        lowered = _lowered(tree)
        simple = all(isinstance(node, nodes.Output) for node in lowered.body)
        parts = [part for node in lowered.body for part in node.nodes] if simple else []
        if simple and len(parts) <= _MAX_PARTS:
            return Text(source, names, fixed, text_function(parts, self.values, html=html))
        try:
            render = self._environments[html].renderer(lowered)
        except (SyntaxError, RecursionError, MemoryError):
            raise TemplateFault("the template is nested too deeply", hint="split it into several values") from None
        except TemplateError as error:
            raise TemplateFault(str(error), getattr(error, "lineno", 1)) from None
        return Text(source, names, fixed, render)


def _joined(source: object, parts: list[Value], render: Callable[[Scope], Any]) -> Value:
    return Value(source, render, tuple(n for part in parts for n in part.names), "".join(part.fixed for part in parts))
