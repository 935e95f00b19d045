"""The filters over lists: choosing, ordering, grouping, joining. Called as those of `template_filters`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from markupsafe import Markup, escape

from stageauto.engine.template_faults import MAX_OUTPUT, too_long
from stageauto.engine.template_values import Group, Run, plain

_UNITS_PER_PART = 4


def as_list(run: Run, value: Any) -> list[Any]:
    """The parts of a list, the keys of a record, the characters of a text; paid for."""
    if value is None:
        return []
    if isinstance(value, (list, tuple, str, Mapping)):
        run.spend(len(value))
        return [plain(one) for one in value]
    return []


def _key(run: Run, value: Any, case_sensitive: bool = False) -> tuple[Any, ...]:
    run.spend(_UNITS_PER_PART)
    # WHY ranks: a column may hold numbers, texts and gaps at once, and Python has no order between them.
    if value is None:
        return (0,)
    if isinstance(value, (int, float)):
        return (1, value)
    if isinstance(value, date):
        return (2, run.values.instant(value))
    text = run.values.text(value, run)
    return (3, text if case_sensitive else text.lower())


def sort(run: Run, value: Any, reverse: bool = False, case_sensitive: bool = False, attribute: Any = None) -> list[Any]:
    """The parts in order, by an attribute or several (`"stage,amount"`)."""
    names = str(attribute).split(",")[:5] if attribute is not None else []

    def key(one: Any) -> tuple[Any, ...]:
        parts = [run.values.path(one, name.strip()) for name in names] if names else [one]
        return tuple(_key(run, part, case_sensitive) for part in parts)

    return sorted(as_list(run, value), key=key, reverse=bool(reverse))


def _attribute(run: Run, one: Any, attribute: Any) -> Any:
    return one if attribute is None else run.values.path(one, attribute)


def smallest(run: Run, value: Any, case_sensitive: bool = False, attribute: Any = None) -> Any:
    """The part that comes first in order."""
    parts = [one for one in as_list(run, value) if _attribute(run, one, attribute) is not None]
    return min(parts, key=lambda one: _key(run, _attribute(run, one, attribute), case_sensitive), default=None)


def largest(run: Run, value: Any, case_sensitive: bool = False, attribute: Any = None) -> Any:
    """The part that comes last in order."""
    parts = [one for one in as_list(run, value) if _attribute(run, one, attribute) is not None]
    return max(parts, key=lambda one: _key(run, _attribute(run, one, attribute), case_sensitive), default=None)


def unique(run: Run, value: Any, case_sensitive: bool = False, attribute: Any = None) -> list[Any]:
    """The parts without doubles, each at its first place."""
    seen: dict[Any, Any] = {}
    for one in as_list(run, value):
        seen.setdefault(_key(run, _attribute(run, one, attribute), case_sensitive), one)
    return list(seen.values())


def groupby(run: Run, value: Any, attribute: Any, default: Any = None) -> list[Group]:
    """The parts in groups of one attribute, in order of it; each group has `grouper` and `list`."""
    groups: dict[Any, Group] = {}
    for one in as_list(run, value):
        found = run.values.path(one, attribute)
        found = default if found is None else found
        groups.setdefault(_key(run, found), Group(found, [])).list.append(one)
    return [groups[key] for key in sorted(groups)]


def batch(run: Run, value: Any, linecount: int, fill_with: Any = None) -> list[list[Any]]:
    """The parts in rows of that many."""
    parts, size = as_list(run, value), max(1, int(linecount))
    rows = [parts[at : at + size] for at in range(0, len(parts), size)]
    if fill_with is not None and rows:
        missing = size - len(rows[-1])
        run.spend(missing)
        rows[-1].extend([fill_with] * missing)
    return rows


def dictsort(run: Run, value: Any, case_sensitive: bool = False, by: str = "key", reverse: bool = False) -> list[Any]:
    """A record's pairs in order of their key or value."""
    place = 1 if by == "value" else 0
    pairs = items(run, value)
    return sorted(pairs, key=lambda pair: _key(run, pair[place], case_sensitive), reverse=bool(reverse))


def items(run: Run, value: Any) -> list[Any]:
    """A record's pairs."""
    if not isinstance(value, Mapping):
        return []
    run.spend(len(value))
    return [[key, plain(one)] for key, one in value.items()]


def join(run: Run, value: Any, d: Any = "", attribute: Any = None) -> str:
    """The texts of the parts with `d` between them."""
    between = run.values.text(d, run)
    texts, total = [], 0
    for one in as_list(run, value):
        text = run.values.text(_attribute(run, one, attribute), run)
        total += len(text) + len(between)
        if total > MAX_OUTPUT:
            raise too_long()
        texts.append(text)
    if isinstance(between, Markup) or any(isinstance(text, Markup) for text in texts):
        return escape(between).join(texts)
    return between.join(texts)


def length(_: Run, value: Any) -> int | None:
    """How many parts or characters there are."""
    return len(value) if isinstance(value, (str, list, tuple, Mapping)) else None


def first(run: Run, value: Any) -> Any:
    """The first part."""
    return run.values.lookup(value, 0) if not isinstance(value, Mapping) else next(iter(value), None)


def last(run: Run, value: Any) -> Any:
    """The last part."""
    return run.values.lookup(value, -1) if not isinstance(value, Mapping) else next(reversed(list(value)), None)


def reverse(run: Run, value: Any) -> Any:
    """The parts, or the text, from the end to the beginning."""
    return value[::-1] if isinstance(value, str) else as_list(run, value)[::-1]


def total(run: Run, value: Any, attribute: Any = None, start: Any = 0) -> Any:
    """The parts added up; missing ones count as nothing."""
    result = start
    for one in as_list(run, value):
        part = _attribute(run, one, attribute)
        if part is not None:
            result = run.values.compute(run, result, "+", part)
    return result


def _named(kind: str, name: Any) -> Callable[..., Any]:
    from stageauto.engine.template_filters import FILTERS
    from stageauto.engine.template_tests import TESTS

    return (FILTERS if kind == "filter" else TESTS)[name]


def each(run: Run, value: Any, *args: Any, attribute: Any = None, default: Any = None) -> list[Any]:
    """A filter, or an attribute, of each part."""
    parts = as_list(run, value)
    if attribute is not None:
        found = [run.values.path(one, attribute) for one in parts]
        return [default if one is None else one for one in found]
    function = _named("filter", args[0])
    run.spend(len(parts) * _UNITS_PER_PART)
    return [function(run, one, *args[1:]) for one in parts]


def _chosen(run: Run, value: Any, wanted: bool, attribute: Any, args: tuple[Any, ...]) -> list[Any]:
    kept = []
    test = _named("test", args[0]) if args else None
    for one in as_list(run, value):
        run.spend(_UNITS_PER_PART)
        part = _attribute(run, one, attribute)
        holds = bool(part) if test is None else bool(test(run, part, *args[1:]))
        if holds is wanted:
            kept.append(one)
    return kept


def select(run: Run, value: Any, *args: Any) -> list[Any]:
    """The parts for which a test holds."""
    return _chosen(run, value, True, None, args)  # noqa: FBT003


def reject(run: Run, value: Any, *args: Any) -> list[Any]:
    """The parts for which a test does not hold."""
    return _chosen(run, value, False, None, args)  # noqa: FBT003


def selectattr(run: Run, value: Any, attribute: Any, *args: Any) -> list[Any]:
    """The parts with an attribute for which a test holds."""
    return _chosen(run, value, True, attribute, args)  # noqa: FBT003


def rejectattr(run: Run, value: Any, attribute: Any, *args: Any) -> list[Any]:
    """The parts with an attribute for which a test does not hold."""
    return _chosen(run, value, False, attribute, args)  # noqa: FBT003


LIST_FILTERS: dict[str, Callable[..., Any]] = {
    "batch": batch,
    "count": length,
    "dictsort": dictsort,
    "first": first,
    "groupby": groupby,
    "items": items,
    "join": join,
    "last": last,
    "length": length,
    "list": as_list,
    "map": each,
    "max": largest,
    "min": smallest,
    "reject": reject,
    "rejectattr": rejectattr,
    "reverse": reverse,
    "select": select,
    "selectattr": selectattr,
    "sort": sort,
    "sum": total,
    "unique": unique,
}
