"""The meaning of values in templates: what missing, comparing, adding and showing mean.

None stands for every missing value here. Values are plain data: str, int, float, bool, None, date, aware datetime,
timedelta, list, tuple and Mapping; nothing of any other object is ever read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from jinja2.runtime import LoopContext, Undefined
from jinja2.utils import Namespace
from markupsafe import Markup

from stageauto.engine.showing import shown
from stageauto.engine.template_faults import MAX_OUTPUT, TemplateBudget, too_long, too_much_work

WORK = 1_000_000
CHARS_PER_UNIT = 16
MAX_BITS = 4096
DATETIME_FORMAT = "%Y-%m-%d %H:%M"

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_LOOP_ATTRIBUTES = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem", "depth", "depth0"}
)
_ADDRESS = {"value", "type"}
_DATE_ATTRIBUTES = frozenset({"year", "month", "day"})
_DATETIME_ATTRIBUTES = _DATE_ATTRIBUTES | {"hour", "minute", "second"}
_SPAN_ATTRIBUTES = frozenset({"days", "seconds"})


class Group(NamedTuple):
    """One group of `groupby`: usable as a pair and by its two names."""

    grouper: Any
    list: list[Any]


class Run:
    """One rendering: what it reads from and the work it has left."""

    __slots__ = ("scope", "values", "work")

    def __init__(self, values: Values, scope: Mapping[str, object]) -> None:
        self.values = values
        self.scope = scope
        self.work = WORK

    def spend(self, units: int) -> None:
        """Takes that many units of work, or raises TemplateBudget."""
        self.work -= units
        if self.work < 0:
            raise too_much_work()

    def keep(self, value: Any) -> Any:
        """Gives back the value just made, after its size is paid for."""
        if isinstance(value, str):
            if len(value) > MAX_OUTPUT:
                raise too_long()
            self.spend(len(value) // CHARS_PER_UNIT)
        elif isinstance(value, (list, tuple, Mapping)):
            self.spend(self._size(value))
        elif isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise TemplateBudget("the template makes a number of over 1,200 digits", "make the number smaller")
        return value

    def _size(self, value: Any) -> int:
        # WHY deep: lists that hold one another twice would double at every step and only explode when shown.
        size, stack = 0, [value]
        while stack:
            one = stack.pop()
            children = one.values() if isinstance(one, Mapping) else one
            size += 1 + len(children)
            if size > self.work:
                raise too_much_work()
            stack.extend(child for child in children if isinstance(child, (list, tuple, Mapping)))
        return size


def plain(value: Any) -> Any:
    """The value with Jinja2's undefined turned into None."""
    return None if isinstance(value, Undefined) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


class Values:
    """The meaning of values in one zone."""

    def __init__(self, zone: ZoneInfo, working: Any = None, currency: str = "") -> None:
        self.zone = zone
        self.working = working
        self.currency = currency

    # --- reading -----------------------------------------------------------------------------------------------

    def lookup(self, value: Any, key: Any) -> Any:
        """The field `key` of a mapping, the place `key` of a list, a date's part; None where there is none."""
        if value is None:
            return None
        # WHY the class first: asking whether something is a Mapping costs ten times as much as reading a dict.
        if value.__class__ is dict or isinstance(value, Mapping):
            try:
                return plain(value[key])
            except (LookupError, TypeError):
                return None
        if isinstance(key, str):
            return self._attribute(value, key)
        if isinstance(value, (list, tuple, str)) and isinstance(key, (int, slice)):
            try:
                return plain(value[key])
            except (LookupError, TypeError, ValueError):
                return None
        return None

    def _attribute(self, value: Any, name: str) -> Any:
        if isinstance(value, datetime):
            return getattr(self.local(value), name) if name in _DATETIME_ATTRIBUTES else None
        if isinstance(value, date):
            return getattr(value, name) if name in _DATE_ATTRIBUTES else None
        if isinstance(value, timedelta):
            return getattr(value, name) if name in _SPAN_ATTRIBUTES else None
        if isinstance(value, Group):
            return {"grouper": value.grouper, "list": value.list}.get(name)
        if type(value) is LoopContext:
            return plain(getattr(value, name)) if name in _LOOP_ATTRIBUTES else None
        if type(value) is Namespace and not name.startswith("_"):
            return plain(getattr(value, name, None))
        return None

    def path(self, value: Any, dotted: Any) -> Any:
        """The value at a dotted path such as `contact.emails.0.value`."""
        for part in str(dotted).split(".")[:20]:
            value = self.lookup(value, int(part) if part.isascii() and part.isdigit() and len(part) < 9 else part)
        return value

    # --- dates -------------------------------------------------------------------------------------------------

    def local(self, value: datetime) -> datetime:
        """The moment in the workspace's zone; a datetime without a zone is local already."""
        return value.replace(tzinfo=self.zone) if value.tzinfo is None else value.astimezone(self.zone)

    def moment(self, value: Any) -> date | datetime | None:
        """The date or local datetime a value stands for, ISO text too; None when it is neither."""
        if isinstance(value, datetime):
            return self.local(value)
        if isinstance(value, date):
            return value
        if isinstance(value, str) and len(value) < 40 and _ISO.fullmatch(value):
            try:
                return date.fromisoformat(value) if len(value) == 10 else self.local(datetime.fromisoformat(value))
            except (ValueError, OverflowError):
                return None
        return None

    def instant(self, value: Any) -> datetime | None:
        """The moment in UTC; a date is its local 00:00."""
        found = self.moment(value)
        if found is None:
            return None
        if not isinstance(found, datetime):
            found = datetime(found.year, found.month, found.day, tzinfo=self.zone)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            return None

    # --- comparing ---------------------------------------------------------------------------------------------

    def _pair(self, left: Any, right: Any) -> tuple[Any, Any]:
        if not (isinstance(left, date) or isinstance(right, date)):
            return left, right
        first, second = self.instant(left), self.instant(right)
        if first is None or second is None:
            raise TypeError
        return first, second

    def _ordered(self, left: Any, right: Any, ask: Callable[[Any, Any], Any]) -> bool:
        if left is None or right is None:
            return False
        try:
            first, second = self._pair(left, right)
            return bool(ask(first, second))
        except (TypeError, RecursionError):
            return False

    def lt(self, left: Any, right: Any) -> bool:
        """`left < right`; false for a missing value and for kinds that have no order between them."""
        return self._ordered(left, right, lambda a, b: a < b)

    def lteq(self, left: Any, right: Any) -> bool:
        """`left <= right`, as `lt`."""
        return self._ordered(left, right, lambda a, b: a <= b)

    def gt(self, left: Any, right: Any) -> bool:
        """`left > right`, as `lt`."""
        return self._ordered(left, right, lambda a, b: a > b)

    def gteq(self, left: Any, right: Any) -> bool:
        """`left >= right`, as `lt`."""
        return self._ordered(left, right, lambda a, b: a >= b)

    def eq(self, left: Any, right: Any) -> bool:
        """`left == right`; false for a missing value; dates compare as moments."""
        return self._ordered(left, right, lambda a, b: a == b)

    def ne(self, left: Any, right: Any) -> bool:
        """`left != right`; false for a missing value."""
        return left is not None and right is not None and not self.eq(left, right)

    def contains(self, left: Any, right: Any) -> bool:
        """`left in right`; false for a missing value and for what holds nothing."""
        if left is None or right is None:
            return False
        try:
            if isinstance(right, (list, tuple)):
                if isinstance(left, date):
                    return any(self.eq(left, one) for one in right)
                return left in right or (self.moment(left) is not None and any(self.eq(left, one) for one in right))
            return isinstance(right, (str, Mapping)) and left in right
        except (TypeError, RecursionError):
            return False

    def not_contains(self, left: Any, right: Any) -> bool:
        """`left not in right`; false for a missing value."""
        return left is not None and right is not None and not self.contains(left, right)

    def compare(self, run: Run, left: Any, *pairs: Any) -> bool:
        """A comparison as Jinja2 chains it: `left`, then operator and operand by turns."""
        left = plain(left)
        for index in range(0, len(pairs), 2):
            right = plain(pairs[index + 1])
            for side in (left, right):
                if isinstance(side, (str, list, tuple, Mapping)):
                    run.spend(len(side) // CHARS_PER_UNIT)
            if not self.comparisons[pairs[index]](self, left, right):
                return False
            left = right
        return True

    comparisons: Mapping[str, Callable[[Values, Any, Any], bool]] = {
        "lt": lt,
        "lteq": lteq,
        "gt": gt,
        "gteq": gteq,
        "eq": eq,
        "ne": ne,
        "in": contains,
        "notin": not_contains,
    }

    def clash(self, left: Any, right: Any) -> str:
        """A clause that says why two values have no order, or "" when they have one or one is missing."""
        if left is None or right is None:
            return ""
        try:
            first, second = self._pair(left, right)
            first < second  # noqa: B015 - asked only for whether it can be
        except TypeError:
            return f"{kind_of(left)} cannot be compared with {kind_of(right)}"
        return ""

    # --- computing ---------------------------------------------------------------------------------------------

    def compute(self, run: Run, left: Any, operator: str, right: Any = None) -> Any:
        """The result of an arithmetic operator; None when a side is missing or the kinds do not go together."""
        left, right = plain(left), plain(right)
        if left is None or (right is None and operator not in _UNARY):
            return None
        try:
            return run.keep(_OPERATORS[operator](self, left, right))
        except (TypeError, ValueError, ArithmeticError):
            return None

    def add(self, left: Any, right: Any) -> Any:
        """`left + right` for numbers, texts, lists, and a date with a span."""
        if isinstance(left, datetime) and isinstance(right, timedelta):
            return self.local((self.local(left).astimezone(UTC)) + right)
        if isinstance(left, timedelta) and isinstance(right, datetime):
            return self.add(right, left)
        if isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
            if len(left) + len(right) > MAX_OUTPUT:
                raise too_long()
            if isinstance(left, str):
                return f"{left}{right}"
            return [*left, *_listed(right)]
        return left + right

    def subtract(self, left: Any, right: Any) -> Any:
        """`left - right` for numbers and dates; two moments give the time that really went by between them."""
        if isinstance(left, date) and isinstance(right, date):
            first, second = self._pair(left, right)
            if not isinstance(left, datetime) and not isinstance(right, datetime):
                return left - right
            return first - second
        if isinstance(left, datetime) and isinstance(right, timedelta):
            return self.add(left, -right)
        return left - right

    def concat(self, run: Run, *parts: Any) -> str:
        """The texts of the parts, one after the other (`~`)."""
        texts = [self.text(plain(part), run) for part in parts]
        if sum(map(len, texts)) > MAX_OUTPUT:
            raise too_long()
        made = Markup("").join(texts) if any(isinstance(one, Markup) for one in texts) else "".join(texts)
        return str(run.keep(made)) if not isinstance(made, Markup) else run.keep(made)

    # --- showing -----------------------------------------------------------------------------------------------

    def text(self, value: Any, run: Run | None = None) -> str:
        """How a value stands in a text: a missing one as nothing, a list by its parts with commas between.

        An address of a contact (`{value, type}`) is its value.
        """
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, (bool, int, float, timedelta)):
            return str(value)
        if isinstance(value, datetime):
            return self.local(value).strftime(DATETIME_FORMAT)
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Mapping):
            if value.keys() == _ADDRESS:
                return self.text(value["value"], run)
            return self._joined((f"{self.text(k)}: {self.text(v, run)}" for k, v in value.items()))
        if isinstance(value, (list, tuple)):
            return self._joined(self.text(plain(one), run) for one in value)
        return ""

    def _joined(self, parts: Any) -> str:
        texts, total = [], 0
        for part in parts:
            total += len(part) + 2
            if total > MAX_OUTPUT:
                raise too_long()
            texts.append(part)
        return ", ".join(texts)

    def shown(self, value: Any) -> str:
        """A value as a trace names it."""
        return shown(value, self.text)


def _listed(value: Any) -> Sequence[Any]:
    if isinstance(value, str):
        raise TypeError
    return value  # type: ignore[no-any-return]


def _times(_: Values, left: Any, right: Any) -> Any:
    if isinstance(right, (str, list, tuple)):
        left, right = right, left
    if isinstance(left, (str, list, tuple)):
        if len(left) * max(int(right), 0) > MAX_OUTPUT:
            raise too_long()
        return left * right if isinstance(left, str) else list(left) * right
    return left * right


def _power(_: Values, left: Any, right: Any) -> Any:
    if not _is_number(left) or not _is_number(right):
        return None
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > MAX_BITS:
        raise TemplateBudget("the template makes a number of over 1,200 digits", "use a smaller exponent")
    made = left**right
    return None if isinstance(made, complex) else made


_PERCENT = re.compile(r"%(?:%|[-+ #0]{0,5}\d{0,3}(?:\.\d{1,2})?[sdifeEgGxXo])")


def percent_format(template: str, arguments: Any) -> str:
    """`template % arguments` with widths under 1,000 and by position only."""
    if isinstance(arguments, Mapping) or "%" in _PERCENT.sub("", template):
        raise ValueError("format")
    given = tuple(arguments) if isinstance(arguments, (list, tuple)) else (arguments,)
    if sum(len(one) for one in given if isinstance(one, str)) + 1_000 * len(given) + len(template) > 4 * MAX_OUTPUT:
        raise too_long()
    return str(template) % tuple("" if one is None else one for one in given)


def _modulo(_: Values, left: Any, right: Any) -> Any:
    if isinstance(left, str):
        return percent_format(left, right)
    return left % right


def _negative(_: Values, left: Any, __: Any) -> Any:
    return -left


def _positive(_: Values, left: Any, __: Any) -> Any:
    return +left


_UNARY = frozenset({"neg", "pos"})
_OPERATORS: Mapping[str, Callable[[Values, Any, Any], Any]] = {
    "+": Values.add,
    "-": Values.subtract,
    "*": _times,
    "/": lambda _, a, b: a / b,
    "//": lambda _, a, b: a // b,
    "%": _modulo,
    "**": _power,
    "neg": _negative,
    "pos": _positive,
}


def kind_of(value: Any) -> str:
    """The word an admin has for the kind of a value."""
    for kinds, word in (
        (str, "text"),
        (bool, "true or false"),
        ((int, float), "a number"),
        (date, "a date"),
        (timedelta, "a span of time"),
        ((list, tuple), "a list"),
        (Mapping, "a record"),
    ):
        if isinstance(value, kinds):
            return word
    return "nothing"
