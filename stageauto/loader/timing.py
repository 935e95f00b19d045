"""`when:`, `hours:`, `repeat:` and `retry:` of a rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from stageauto.engine.cron import CronError, check_cron
from stageauto.engine.durations import Duration
from stageauto.engine.model import Retry
from stageauto.engine.scalars import source_text
from stageauto.engine.schedule import LocalTimeError, Repeat, When, parse_local, to_local
from stageauto.loader.builder import SpotBuilder, read_duration
from stageauto.loader.diagnostics import WARNING, suggest
from stageauto.loader.shape_check import fitting
from stageauto.loader.shapes import RETRY
from stageauto.loader.source import Spot
from stageauto.loader.world import BUILT_IN_TYPES

_BASES: Final = ("delay", "before", "after", "at")
_FIXED: Final = re.compile(r"\d{4}-.*|\d.*:.*", re.ASCII)
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_DATES: Final = ("date", "datetime")
_YEAR: Final = 366 * 86_400_000


def read_when(builder: SpotBuilder, raw: Any) -> When:
    """The compiled `when:`; faults are reported at `when` below the builder's spot."""
    if not isinstance(raw, Mapping):
        return When(kind="immediately")
    spot = builder.spot.at("when")
    bases = [one for one in _BASES if one in raw]
    if len(bases) != 1:
        _no_one_base(spot, raw, bases)
        return When(kind="immediately")
    base = cast(Literal["delay", "before", "after", "at"], bases[0])
    _check_combination(spot, raw, base)
    field, fixed = _field_or_fixed(builder, spot, raw, base)
    span = raw.get("delay") if base == "delay" else raw.get("by")
    by = builder.duration(span, ("when", "delay" if base == "delay" else "by")) if span is not None else None
    return When(
        kind=base,
        field=field,
        by=by or Duration(),
        at=fixed,
        time=_time_of(spot, raw["time"]) if "time" in raw else None,
        if_past=raw.get("if_past", "run"),
        if_missing=raw.get("if_missing", "wait"),
        if_late=_if_late(builder, raw.get("if_late", "run")),
    )


def _no_one_base(spot: Spot, raw: Mapping[str, Any], bases: list[str]) -> None:
    hint = "write one of {delay: 2d}, {before: FIELD, by: 1d}, {after: FIELD, by: 2h}, {at: FIELD}"
    if bases:
        spot.fault("bad-when", f"`when` has {' and '.join(f'`{one}`' for one in bases)}: only one can count", hint=hint)
    elif list(raw) == ["time"]:
        message = "`time` alone does not say on which day"
        spot.fault("bad-when", message, ("time",), hint="add `delay: 0d` for the same day, or a date field with `at`")
    else:
        spot.fault("bad-when", "`when` does not say from when it counts", hint=hint)


def _check_combination(spot: Spot, raw: Mapping[str, Any], base: str) -> None:
    if "by" in raw and base not in {"before", "after"}:
        spot.fault("bad-when", f"`by` means nothing with `{base}`", ("by",), hint="it goes with `before` and `after`")
    if "if_past" in raw and base == "delay" and "time" not in raw:
        message = "`if_past` with a plain `delay`: that moment cannot be past"
        spot.fault(
            "bad-when", message, ("if_past",), hint="leave it out; for a runner that was down there is `if_late`"
        )
    fixed = base == "at" and bool(_FIXED.fullmatch(source_text(raw["at"])))
    if "if_missing" in raw and (base == "delay" or fixed):
        message = "`if_missing` without a field means nothing"
        spot.fault("no-effect", message, ("if_missing",), hint="leave it out", severity=WARNING)


def _field_or_fixed(
    builder: SpotBuilder, spot: Spot, raw: Mapping[str, Any], base: str
) -> tuple[str | None, str | None]:
    if base == "delay":
        return None, None
    name = source_text(raw[base])
    if base == "at" and _FIXED.fullmatch(name):
        return None, _fixed(builder, spot, name)
    return _date_field(builder, spot, name, base), None


def _fixed(builder: SpotBuilder, spot: Spot, text: str) -> str:
    zone = builder.reader.world.zone
    try:
        moment = to_local(parse_local(text, zone), zone)
    except LocalTimeError as error:
        spot.fault("bad-time", error.message, ("at",), hint=error.hint)
        return "1970-01-01"
    if len(text) == len("2026-03-29T02:30") and moment.isoformat()[: len(text)] != text.replace(" ", "T"):
        message = f"the clocks skip {text}: it will be {moment.isoformat(timespec='minutes')[:16]}"
        spot.fault("time-skipped", message, ("at",), hint="write a time that exists on that day", severity=WARNING)
    return text


def _date_field(builder: SpotBuilder, spot: Spot, name: str, base: str) -> str:
    outline = builder.reader.outline
    if name in outline.broken_fields:
        return name
    field = outline.fields.get(name)
    found = field.type if field else BUILT_IN_TYPES.get(name)
    dates = [one.name for one in outline.fields.values() if one.type in _DATES]
    if found is None:
        message, bare = f"pipeline `{outline.id}` has no field `{name}`", name.removeprefix("item.")
        hint = f"write `{bare}`" if bare in dates and bare != name else suggest(name, dates or outline.field_names())
        spot.fault("unknown-field", message, (base,), hint=hint)
    elif found not in _DATES or (field is not None and field.multiple):
        message = f"the field `{name}` is no date: it is of type {found}"
        if found in _DATES:
            message = f"the field `{name}` holds many dates: timing needs one"
        spot.fault("not-a-date", message, (base,), hint=suggest("", dates), expected="a date or datetime field")
    return name


def _time_of(spot: Spot, raw: Any) -> tuple[int, int] | None:
    match = _TIME.fullmatch(source_text(raw))
    if match is None:
        message = f"`{source_text(raw)[:40]}` is no local time of day"
        spot.fault("bad-time", message, ("time",), hint='write it like "12:00"')
        return None
    return int(match[1]), int(match[2])


def _if_late(builder: SpotBuilder, raw: Any) -> Literal["run", "skip"] | Duration:
    if not isinstance(raw, Mapping):
        return cast(Literal["run", "skip"], raw)
    span = builder.duration(raw["within"], ("when", "if_late", "within"))
    return span if span is not None else "run"


def read_repeat(builder: SpotBuilder, raw: Any) -> Repeat | None:
    """The compiled `repeat:`, or None where it cannot be used."""
    if raw is None:
        return None
    spot = builder.spot.at("repeat")
    if ("every" in raw) == ("cron" in raw):
        message = "`repeat` needs exactly one of `every` and `cron`"
        spot.fault("bad-repeat", message, hint="write {every: 1d, times: 3}")
        return None
    if "cron" in raw:
        read_cron(spot, raw["cron"])
        return Repeat(cron=source_text(raw["cron"]), times=raw.get("times"))
    every = builder.duration(raw["every"], ("repeat", "every"))
    if every is None:
        return None
    if every.is_zero:
        spot.fault("bad-repeat", "`every` is no time at all", ("every",), hint="write it like 1d")
        return None
    return Repeat(every=every, times=raw.get("times"))


def read_cron(spot: Spot, raw: Any) -> str:
    """The cron expression at `cron` below the spot, checked."""
    text = source_text(raw)
    try:
        check_cron(text)
    except CronError as error:
        spot.fault("bad-cron", error.message, ("cron",), hint=error.hint)
    return text


def read_retry(spot: Spot, raw: Any, default: Retry) -> Retry:
    """`retry:` over the defaults; spans in exact milliseconds, a day being 24 hours."""
    raw = fitting(spot, raw, RETRY) if raw is not None else None
    if raw is None:
        return default
    return Retry(
        attempts=int(raw.get("attempts", default.attempts)),
        first=read_span(spot, raw["first"], ("first",), default.first) if "first" in raw else default.first,
        factor=float(raw.get("factor", default.factor)),
        max=read_span(spot, raw["max"], ("max",), default.max) if "max" in raw else default.max,
    )


def read_span(spot: Spot, raw: Any, at: tuple[str | int, ...], default: int) -> int:
    """Exact milliseconds from a duration without months and working time; the default where it is none."""
    span = read_duration(spot, raw, at)
    if span is None:
        return default
    if span.months or span.working_days or span.working_ms:
        spot.fault(
            "bad-duration", "months and working time have no exact length", at, hint="write it in s, m, h, d or w"
        )
        return default
    length = span.days * 86_400_000 + span.ms
    if not 0 < length <= _YEAR:
        spot.fault("bad-duration", "this must be more than nothing and at most a year", at, hint="write it like 30s")
        return default
    return length
