"""The filters of templates: Jinja2's own that are safe, each with bounded work, and the ones of the language.

Every filter is called with the run, the value and its arguments; None is a missing value, for which a filter gives
back None (shown as nothing). Dates are worked out in the workspace's zone against the run's `now`.
"""

from __future__ import annotations

import inspect
import json
import re
import textwrap
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import quote

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from stageauto.engine.template_faults import MAX_OUTPUT, TemplateBudget, too_long
from stageauto.engine.template_lists import LIST_FILTERS
from stageauto.engine.template_values import CHARS_PER_UNIT, DATETIME_FORMAT, Run, percent_format, plain

Filter = Callable[..., Any]

_DIRECTIVE = re.compile(r"%-?[aAbBdHIjmMpSfyYzZUWVGuweFTDR%]")
_LETTERS = str.maketrans(
    {"ł": "l", "Ł": "L", "ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "đ": "d", "Đ": "D"}
)
_MAX_WIDTH = 1_000


def wrong_format(text: object) -> str:
    """What is wrong with a date format, or "" when it can be used."""
    if not isinstance(text, str) or len(text) > 100:
        return "a date format is a text of at most 100 characters"
    if "%" in _DIRECTIVE.sub("", text):
        return f"{text!r} is not a date format"
    return ""


def strftime(value: date, text: str) -> str:
    """The date or datetime written by a checked format."""
    wrong = wrong_format(text)
    if wrong:
        raise TemplateBudget(wrong, "for instance '%d.%m.%Y %H:%M'")
    return value.strftime(text)


# --- dates ---------------------------------------------------------------------------------------------------------


def _written(run: Run, value: Any, text: str) -> Any:
    if isinstance(value, time):
        return strftime(datetime(2000, 1, 1, value.hour, value.minute), text)
    found = run.values.moment(value)
    return value if found is None else strftime(found, text)


def to_date(run: Run, value: Any, format: str = "%Y-%m-%d") -> Any:
    """A date or datetime as its local day, `2026-03-02`; what is no date stays as it is."""
    return _written(run, value, format)


def to_time(run: Run, value: Any, format: str = "%H:%M") -> Any:
    """A datetime as its local time, `09:00`."""
    return _written(run, value, format)


def to_datetime(run: Run, value: Any, format: str = DATETIME_FORMAT) -> Any:
    """A datetime as local day and time, `2026-03-02 09:00`."""
    return _written(run, value, format)


def _days(run: Run, value: Any) -> tuple[date, date] | None:
    found, now = run.values.moment(value), run.values.moment(run.scope.get("now"))
    if found is None or now is None:
        return None
    return _day(now), _day(found)


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def days_since(run: Run, value: Any) -> int | None:
    """Whole local calendar days from the value to now; negative for a day to come."""
    days = _days(run, value)
    return None if days is None else (days[0] - days[1]).days


def days_until(run: Run, value: Any) -> int | None:
    """Whole local calendar days from now to the value; negative for a day gone by."""
    days = _days(run, value)
    return None if days is None else (days[1] - days[0]).days


def working_days_until(run: Run, value: Any) -> int | None:
    """Working days from now to the value, by the `working` calendar or, without one, Monday to Friday."""
    days = _days(run, value)
    if days is None:
        return None
    if run.values.working is not None:
        return int(run.values.working.working_days_between(*days))
    first, last = days
    if last < first:
        return -_weekdays(last, first)
    return _weekdays(first, last)


def _weekdays(first: date, last: date) -> int:
    """Mondays to Fridays after `first`, up to and with `last`."""
    weeks, rest = divmod((last - first).days, 7)
    return weeks * 5 + sum((first.weekday() + 1 + n) % 7 < 5 for n in range(rest))


# --- the language's own ----------------------------------------------------------------------------------------------


def money(run: Run, value: Any, currency: str | None = None) -> Any:
    """An amount with two digits and thousands in groups, `9,000.00 PLN`; what is no number stays as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return value
    try:
        amount = Decimal(str(value)[:64].strip()).quantize(Decimal("0.01"), ROUND_HALF_UP)
    except ArithmeticError:
        return value
    unit = run.values.currency if currency is None else currency
    return f"{amount:,.2f} {unit}".rstrip() if amount.is_finite() else value


def phone(run: Run, value: Any) -> Any:
    """A number with its country code as it is written internationally, `+48 600 100 200`; else the text itself."""
    import phonenumbers

    text = run.values.text(value, run)
    try:
        parsed = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(parsed):
        return text
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def slug(run: Run, value: Any) -> str:
    """The text in lower-case letters, digits and hyphens, `dach-nowaka`."""
    text = unicodedata.normalize("NFKD", run.values.text(value, run)[:MAX_OUTPUT].translate(_LETTERS))
    return re.sub(r"[^a-z0-9]+", "-", text.encode("ascii", "ignore").decode().lower()).strip("-")


def default(_: Run, value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """The value, or the default when it is missing (with `boolean`, also when it is empty or zero)."""
    return default_value if value is None or (boolean and not value) else value


# --- numbers -------------------------------------------------------------------------------------------------------

_UNSET: Any = object()


def to_int(_: Run, value: Any, default: Any = _UNSET) -> Any:
    """The value as a whole number, else the default (0)."""
    if value is None:
        return None if default is _UNSET else default
    try:
        return int(value) if not isinstance(value, str) else int(float(value[:64]) if "." in value else value[:400])
    except (TypeError, ValueError, OverflowError):
        return 0 if default is _UNSET else default


def to_float(_: Run, value: Any, default: Any = _UNSET) -> Any:
    """The value as a number, else the default (0.0)."""
    if value is None:
        return None if default is _UNSET else default
    try:
        return float(value[:400] if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        return 0.0 if default is _UNSET else default


def rounded(_: Run, value: Any, precision: int = 0, method: str = "common") -> Any:
    """The number rounded to that many digits; method `common`, `ceil` or `floor`."""
    digits = max(-20, min(20, int(precision)))
    if method == "common":
        return round(float(value), digits)
    factor = 10.0**digits
    scaled = float(value) * factor
    whole = scaled // 1 if method == "floor" else -(-scaled // 1)
    return whole / factor


def absolute(_: Run, value: Any) -> Any:
    """The number without its sign."""
    return abs(value)


# --- texts ---------------------------------------------------------------------------------------------------------


def _text(method: Callable[..., str]) -> Filter:
    def apply(run: Run, value: Any) -> str:
        return method(run.values.text(value, run))

    apply.__doc__ = method.__doc__
    return apply


def trim(run: Run, value: Any, chars: str | None = None) -> str:
    """The text without blanks (or those characters) at both ends."""
    return run.values.text(value, run).strip(chars)


def title(run: Run, value: Any) -> str:
    """Each word with a capital."""
    return "".join(w[:1].upper() + w[1:].lower() for w in re.split(r"([-\s({\[<]+)", run.values.text(value, run)))


def replace(run: Run, value: Any, old: Any, new: Any, count: int | None = None) -> str:
    """The text with `old` replaced by `new`, at most `count` times."""
    text, was, now = run.values.text(value, run), run.values.text(old, run), run.values.text(new, run)
    times = text.count(was)
    if count is not None and count >= 0:
        times = min(times, count)
    if len(text) + times * (len(now) - len(was)) > MAX_OUTPUT:
        raise too_long()
    run.spend(len(text) // 16)
    return text.replace(was, now, times)


def truncate(
    run: Run, value: Any, length: int = 255, killwords: bool = False, end: str = "...", leeway: int = 5
) -> str:
    """The text cut to that length, at a word unless `killwords`, with `end` after it."""
    text = run.values.text(value, run)
    if len(text) <= length + leeway:
        return text
    cut = text[: max(length - len(end), 0)]
    return (cut if killwords else cut.rsplit(" ", 1)[0]) + end


def center(run: Run, value: Any, width: int = 80) -> str:
    """The text in the middle of that many characters, at most 1,000."""
    return run.values.text(value, run).center(min(int(width), _MAX_WIDTH))


def indent(run: Run, value: Any, width: Any = 4, first: bool = False, blank: bool = False) -> str:
    """The text with each line moved right by `width` blanks (at most 100) or by that text."""
    text = run.values.text(value, run)
    margin = width[:100] if isinstance(width, str) else " " * min(int(width), 100)
    if len(text) + len(margin) * (text.count("\n") + 1) > MAX_OUTPUT:
        raise too_long()
    lines = text.split("\n")
    moved = [margin + line if (line.strip() or blank) and (n or first) else line for n, line in enumerate(lines)]
    return "\n".join(moved)


def wordwrap(run: Run, value: Any, width: int = 79) -> str:
    """The text broken into lines of at most that width."""
    text = run.values.text(value, run)
    run.spend(len(text) * 4)
    wide = max(1, min(int(width), _MAX_WIDTH))
    return "\n".join(textwrap.fill(line, wide) if line else "" for line in text.splitlines())


def wordcount(run: Run, value: Any) -> int:
    """How many words the text has."""
    return len(run.values.text(value, run).split())


def striptags(run: Run, value: Any) -> str:
    """The text without HTML tags and with single blanks."""
    text, parts, at = run.values.text(value, run), [], 0
    while (start := text.find("<", at)) >= 0 and (end := text.find(">", start)) >= 0:
        parts.append(text[at:start])
        at = end + 1
    return " ".join("".join([*parts, text[at:]]).split())


def formatted(_: Run, value: Any, *arguments: Any) -> str:
    """`"%05.2f" | format(5)`: by position, widths under 1,000."""
    return percent_format(str(value), [plain(one) for one in arguments])


def to_text(run: Run, value: Any) -> str:
    """The value as text."""
    return run.values.text(value, run)


def escaped(run: Run, value: Any) -> Markup:
    """The text with `<`, `>`, `&` and quotes as HTML entities."""
    return escape(run.values.text(value, run))


def force_escaped(run: Run, value: Any) -> Markup:
    """As `escape`, even for what is escaped already."""
    return escape(str(run.values.text(value, run)))


def safe(run: Run, value: Any) -> Markup:
    """The text as HTML that is not escaped again."""
    return Markup(run.values.text(value, run))  # noqa: S704 - it is what the admin asks for


def to_json(run: Run, value: Any, indent: int | None = None) -> Markup:
    """The value as JSON that is safe inside HTML."""

    def plainly(other: Any) -> Any:
        return dict(other) if isinstance(other, Mapping) else run.values.text(other)

    spaces = None if indent is None else max(0, min(int(indent), 8))
    return htmlsafe_json_dumps(value, dumps=json.dumps, default=plainly, indent=spaces)


def urlencode(run: Run, value: Any) -> str:
    """The text safe inside a URL; a record or a list of pairs as a query."""
    text = run.values.text
    if isinstance(value, Mapping):
        return "&".join(f"{quote(text(k), safe='')}={quote(text(plain(v)), safe='')}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return "&".join(f"{quote(text(k), safe='')}={quote(text(plain(v)), safe='')}" for k, v in value)
    return quote(text(value), safe="/")


_RAW: dict[str, Filter] = {
    "date": to_date,
    "time": to_time,
    "datetime": to_datetime,
    "money": money,
    "phone": phone,
    "days_since": days_since,
    "days_until": days_until,
    "working_days_until": working_days_until,
    "slug": slug,
    "abs": absolute,
    "capitalize": _text(str.capitalize),
    "center": center,
    "e": escaped,
    "escape": escaped,
    "forceescape": force_escaped,
    "format": formatted,
    "indent": indent,
    "lower": _text(str.lower),
    "replace": replace,
    "round": rounded,
    "safe": safe,
    "string": to_text,
    "striptags": striptags,
    "title": title,
    "tojson": to_json,
    "trim": trim,
    "truncate": truncate,
    "upper": _text(str.upper),
    "urlencode": urlencode,
    "wordcount": wordcount,
    "wordwrap": wordwrap,
    **LIST_FILTERS,
}
_OF_MISSING: dict[str, Filter] = {"default": default, "d": default, "int": to_int, "float": to_float}


def guarded(function: Filter, *, missing: bool = False) -> Filter:
    """The function as a template may call it: never a crash, a missing value stays missing, the result is paid for."""

    def call(run: Run, value: Any, *args: Any, **kwargs: Any) -> Any:
        value = plain(value)
        if value is None and not missing:
            return None
        if isinstance(value, str):
            run.spend(len(value) // CHARS_PER_UNIT)
        if args:
            args = tuple(map(plain, args))
        try:
            return run.keep(function(run, value, *args, **kwargs))
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError):
            return None

    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    call.__doc__ = function.__doc__
    return call


FILTERS: dict[str, Filter] = {
    **{name: guarded(function) for name, function in _RAW.items()},
    **{name: guarded(function, missing=True) for name, function in _OF_MISSING.items()},
}
