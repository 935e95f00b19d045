"""The tests (`is ...`), functions and methods of templates. A missing value is None: not defined, and none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from jinja2.runtime import LoopContext
from jinja2.utils import Namespace

from stageauto.engine import template_filters, template_lists
from stageauto.engine.template_faults import MAX_OUTPUT, TemplateBudget, too_long
from stageauto.engine.template_values import CHARS_PER_UNIT, Run, plain

MAX_RANGE = 10_000

Test = Callable[..., bool]


def _kind(*kinds: Any) -> Test:
    return lambda _, value: isinstance(value, kinds)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _divisible(_: Run, value: Any, by: Any) -> bool:
    return _number(value) and _number(by) and by != 0 and value % by == 0


def _compared(name: str) -> Test:
    def test(run: Run, value: Any, other: Any) -> bool:
        return run.values.compare(run, value, name, other)

    return test


def _guarded(function: Test) -> Test:
    def call(run: Run, value: Any, *args: Any) -> bool:
        if isinstance(value, str):
            run.spend(len(value) // CHARS_PER_UNIT)
        return bool(function(run, plain(value), *map(plain, args)))

    call.__signature__ = template_filters.inspect.signature(function)  # type: ignore[attr-defined]
    return call


_RAW: dict[str, Test] = {
    "defined": lambda _, value: value is not None,
    "undefined": lambda _, value: value is None,
    "none": lambda _, value: value is None,
    "true": lambda _, value: value is True,
    "false": lambda _, value: value is False,
    "boolean": _kind(bool),
    "number": lambda _, value: _number(value),
    "integer": lambda _, value: _integer(value),
    "float": _kind(float),
    "string": _kind(str),
    "mapping": _kind(Mapping),
    "sequence": _kind(list, tuple, str),
    "iterable": _kind(list, tuple, str, Mapping),
    "odd": lambda _, value: _integer(value) and value % 2 == 1,
    "even": lambda _, value: _integer(value) and value % 2 == 0,
    "divisibleby": _divisible,
    "lower": lambda _, value: isinstance(value, str) and value.islower(),
    "upper": lambda _, value: isinstance(value, str) and value.isupper(),
    **{
        word: _compared(name)
        for name, words in {
            "eq": ("==", "eq", "equalto"),
            "ne": ("!=", "ne"),
            "lt": ("<", "lt", "lessthan"),
            "lteq": ("<=", "le"),
            "gt": (">", "gt", "greaterthan"),
            "gteq": (">=", "ge"),
            "in": ("in",),
        }.items()
        for word in words
    },
}
TESTS: dict[str, Test] = {name: _guarded(function) for name, function in _RAW.items()}


# --- functions -----------------------------------------------------------------------------------------------------


def make_range(_: Run, __: Any, start: int, stop: int | None = None, step: int = 1) -> list[int]:
    """The whole numbers of a range, at most 10,000 of them."""
    numbers = range(start) if stop is None else range(start, stop, step)
    if len(numbers) > MAX_RANGE:
        raise TemplateBudget(f"range() gives at most {MAX_RANGE:,} numbers", "make the range shorter")
    return list(numbers)


def make_dict(_: Run, __: Any, **fields: Any) -> dict[str, Any]:
    """A record of the fields given by name."""
    return {name: plain(value) for name, value in fields.items()}


def make_namespace(_: Run, __: Any, **fields: Any) -> Namespace:
    """An object whose fields `{% set ns.field = ... %}` can write inside a loop."""
    return Namespace(**{name: plain(value) for name, value in fields.items()})


_MAKERS: dict[str, Callable[..., Any]] = {"range": make_range, "dict": make_dict, "namespace": make_namespace}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: template_filters.guarded(function, missing=True) for name, function in _MAKERS.items()
}


# --- methods -------------------------------------------------------------------------------------------------------


def _of_text(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(_: Run, value: Any, *args: Any) -> Any:
        return method(value, *args) if isinstance(value, str) else None

    return call


def _split(run: Run, value: Any, sep: str | None = None, maxsplit: int = -1) -> Any:
    if not isinstance(value, str):
        return None
    run.spend(len(value))
    return value.split(sep, maxsplit)


def _replace(run: Run, value: Any, old: str, new: str, count: int = -1) -> Any:
    return template_filters.replace(run, value, old, new, count) if isinstance(value, str) else None


def _weekday(run: Run, value: Any) -> Any:
    found = run.values.moment(value) if isinstance(value, date) else None
    return None if found is None else found.weekday()


def _isoweekday(run: Run, value: Any) -> Any:
    found = run.values.moment(value) if isinstance(value, date) else None
    return None if found is None else found.isoweekday()


def _isoformat(run: Run, value: Any) -> Any:
    found = run.values.moment(value) if isinstance(value, date) else None
    return None if found is None else found.isoformat()


def _strftime(run: Run, value: Any, text: str) -> Any:
    found = run.values.moment(value) if isinstance(value, date) else None
    return None if found is None else template_filters.strftime(found, text)


def _date(run: Run, value: Any) -> Any:
    return run.values.local(value).date() if isinstance(value, datetime) else None


def _total_seconds(_: Run, value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else None


def _get(run: Run, value: Any, key: Any, default: Any = None) -> Any:
    found = run.values.lookup(value, key) if isinstance(value, Mapping) else None
    return default if found is None else found


def _keys(run: Run, value: Any) -> Any:
    return template_lists.as_list(run, value) if isinstance(value, Mapping) else None


def _mapping_values(run: Run, value: Any) -> Any:
    return [pair[1] for pair in template_lists.items(run, value)]


def _cycle(_: Run, value: Any, *args: Any) -> Any:
    return args[value.index0 % len(args)] if type(value) is LoopContext and args else None


def _join(run: Run, value: Any, parts: Any) -> Any:
    if len(str(value)) > MAX_OUTPUT:
        raise too_long()
    return template_lists.join(run, parts, value)


_OWN: dict[str, Callable[..., Any]] = {
    "upper": lambda _, value: value.upper() if isinstance(value, str) else None,
    "lower": lambda _, value: value.lower() if isinstance(value, str) else None,
    "title": lambda _, value: value.title() if isinstance(value, str) else None,
    "capitalize": lambda _, value: value.capitalize() if isinstance(value, str) else None,
    "strip": _of_text(str.strip),
    "lstrip": _of_text(str.lstrip),
    "rstrip": _of_text(str.rstrip),
    "startswith": _of_text(str.startswith),
    "endswith": _of_text(str.endswith),
    "split": _split,
    "replace": _replace,
    "join": _join,
    "weekday": _weekday,
    "isoweekday": _isoweekday,
    "isoformat": _isoformat,
    "strftime": _strftime,
    "date": _date,
    "total_seconds": _total_seconds,
    "get": _get,
    "keys": _keys,
    "values": _mapping_values,
    "items": template_lists.items,
    "cycle": _cycle,
}
METHODS: dict[str, Callable[..., Any]] = {name: template_filters.guarded(function) for name, function in _OWN.items()}
