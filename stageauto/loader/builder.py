"""Compiles values of the files: templates, conditions, names; what is wrong with them is reported at its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stageauto.engine.conditions import Condition, ConditionFault, compile_condition
from stageauto.engine.durations import Duration, DurationError, parse_duration
from stageauto.engine.fields import BUILT_IN
from stageauto.engine.options import Path
from stageauto.engine.scalars import source_text
from stageauto.engine.templates import TemplateFault, Text, Value
from stageauto.loader.diagnostics import ERROR, Diagnostic, shown, suggest
from stageauto.loader.names import Reader
from stageauto.loader.source import Spot
from stageauto.loader.world import BUILT_IN_TYPES, Outline, wrong_kind

_PLURAL: Final = {"file": "file under templates/"}


@dataclass(frozen=True, slots=True)
class SpotBuilder:
    """What an option is compiled with: the `Builder` of `stageauto.engine.options` for one place in a file."""

    spot: Spot
    reader: Reader
    raw: Mapping[str, Any]

    def text(self, source: str, at: Path = (), *, html: bool = False) -> Any:
        """A compiled Text; an empty one where it cannot be compiled."""
        templates = self.reader.world.templates
        try:
            made = templates.text(source, html=html)
        except TemplateFault as fault:
            self._template_fault(fault, at)
            return templates.text("")
        if made.names:
            self.reader.check(self.spot.at(*at), made.names)
        return made

    def value(self, source: Any, at: Path = ()) -> Any:
        """A compiled Value of any YAML data."""
        if isinstance(source, Mapping | list):
            # Each text inside is compiled at its own place first, so that its fault is reported there.
            pairs = source.items() if isinstance(source, Mapping) else enumerate(source)
            for step, one in pairs:
                if isinstance(one, str | Mapping | list):
                    self.value(one, (*at, step))
            return self._whole(source)
        try:
            made = self.reader.world.templates.value(source)
        except TemplateFault as fault:
            self._template_fault(fault, at)
            return self.reader.world.templates.value(None)
        if made.names:
            self.reader.check(self.spot.at(*at), made.names)
        return made

    def _whole(self, source: Any) -> Value:
        try:
            return self.reader.world.templates.value(source)
        except TemplateFault:
            return self.reader.world.templates.value(None)

    def template_file(self, name: str, at: Path = ()) -> Any:
        """A compiled Text of a file under templates/; faults inside it are reported in that file."""
        world = self.reader.world
        name = source_text(name)
        if name not in world.template_files:
            hint = suggest(name, world.template_files) or "put it under templates/"
            self.fault("unknown-template", f"there is no file `{name}` under templates/", at, hint=hint)
            return world.templates.text("")
        file = f"templates/{name}"
        text = world.template_files[name]
        try:
            made: Text = world.templates.file(name, html=name.endswith((".html", ".htm")))
        except TemplateFault as fault:
            self._in_file(file, text, "bad-template", fault.message, fault.hint, (fault.line, fault.column))
            return world.templates.text("")
        in_file = _InFile(self, file, text)
        self.reader.check(self.spot.at(*at), made.names, in_file)  # type: ignore[arg-type]
        return made

    def known(self, what: str, name: str, at: Path = (), *, pipeline: str | None = None) -> bool:
        """Whether there is one of that name; reports where not. An unknown pipeline is reported by its own option."""
        world, name = self.reader.world, source_text(name)
        outline: Outline | None = self.reader.outline
        if pipeline is not None:
            outline = world.pipelines.get(source_text(pipeline))
            if outline is None and what in {"stage", "rule", "field"}:
                return False
        if world.known(what, name, outline):
            return True
        where = f" in pipeline `{outline.id}`" if outline and what in {"stage", "rule", "field"} else ""
        hint = suggest(name, world.names(what, outline))
        self.fault(f"unknown-{what}", f"there is no {_PLURAL.get(what, what)} {shown(name)}{where}", at, hint=hint)
        return False

    def takes(self, channel: str, kind: str) -> bool:
        """Whether the channel takes messages of that kind; one that does not is reported."""
        wrong = wrong_kind(self.reader.world.channels.get(channel), self.reader.world.channel_takes, (kind,))
        if wrong:
            self.fault("channel-kind", wrong, hint=f"name a channel that takes {kind}")
        return not wrong

    def field_type(self, name: str, pipeline: str | None = None) -> str | None:
        """The type of a field, built-in ones too, or None."""
        outline = self.reader.outline if pipeline is None else self.reader.world.pipelines.get(source_text(pipeline))
        field = outline.fields.get(name) if outline else None
        return field.type if field else BUILT_IN_TYPES.get(name)

    def holds_many(self, name: str) -> bool:
        """Whether a field of this pipeline holds several values; True where that is not known."""
        field = self.reader.outline.fields.get(name) or BUILT_IN.get(name)
        return field is None or field.multiple

    def fault(self, code: str, message: str, at: Path = (), *, hint: str = "", severity: str = ERROR) -> None:
        """Reports at the place."""
        self.spot.fault(code, message, at, hint=hint, severity=severity)

    def sibling(self, name: str) -> Any:
        """The raw value of another option."""
        return self.raw.get(name)

    def reachable(self) -> bool:
        """Whether the workspace has a `base_url`."""
        return bool(self.reader.world.base_url)

    def condition(self, raw: Any, at: Path = ()) -> Condition | None:
        """A compiled condition, or None where it cannot be compiled."""
        spot = self.spot.at(*at)
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            spot.fault(
                "bad-condition", "a condition is an expression, not a number", hint="write it like item.amount > 5000"
            )
            return None
        try:
            made = compile_condition(raw, self.reader.world.templates)
        except ConditionFault as fault:
            inside = (
                (fault.line, fault.column) if isinstance(spot.source.value((*spot.path, *fault.path)), str) else None
            )
            spot.fault("bad-condition", fault.message, fault.path, hint=fault.hint, inside=inside)
            return None
        for path, name in made.located:
            self.reader.check(spot.at(*path) if path else spot, (name,))
        return made

    def duration(self, raw: Any, at: Path = ()) -> Duration | None:
        """A duration, or None where it is none."""
        return read_duration(self.spot, raw, at, has_working=self.reader.world.has_working)

    def _template_fault(self, fault: TemplateFault, at: Path) -> None:
        self.spot.fault("bad-template", fault.message, at, hint=fault.hint, inside=(fault.line, fault.column))

    def _in_file(  # noqa: PLR0913, PLR0917 - a finding has that many parts
        self, file: str, text: str, code: str, message: str, hint: str, place: tuple[int, int], severity: str = ERROR
    ) -> None:
        line, column = place
        lines = text.split("\n")
        source_line = lines[line - 1] if line <= len(lines) else ""
        self.spot.report.add(
            Diagnostic(code, severity, file, line, column, "", message, hint, source_line, end_column=column + 1)
        )


@dataclass(frozen=True, slots=True)
class _InFile:
    """Reports names at their place in a file under templates/."""

    builder: SpotBuilder
    file: str
    text: str

    def report(self, code: str, message: str, hint: str, name: Any, severity: str) -> None:
        place = (name.line, name.column)
        self.builder._in_file(self.file, self.text, code, message, hint, place, severity)  # noqa: SLF001 - same module


def read_duration(spot: Spot, raw: Any, at: Path = (), *, has_working: bool = True) -> Duration | None:
    """A duration, or None where it is none; reports what is wrong with it."""
    try:
        made = parse_duration(source_text(raw))
    except DurationError as error:
        spot.fault("bad-duration", error.message, at, hint=error.hint)
        return None
    if not has_working:
        check_working(spot, made, at)
    return made


def check_working(spot: Spot, span: Duration, at: Path = ()) -> None:
    """Reports working days or hours where there is no calendar to count them on."""
    if span.working_days or span.working_ms:
        message = "working days and hours need the calendar `working`"
        spot.fault("no-working-calendar", message, at, hint="set `calendars: {working: {...}}` up in stageauto.yaml")
