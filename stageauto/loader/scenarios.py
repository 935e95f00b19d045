"""Scenarios: from their YAML to `stageauto.loader.scenario`, checked against the workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from stageauto.engine.durations import Duration
from stageauto.engine.fields import BUILT_IN
from stageauto.engine.model import EMPTY
from stageauto.engine.scalars import source_text
from stageauto.engine.schedule import LocalTimeError, parse_local, shift
from stageauto.loader import scenario_shapes as shapes
from stageauto.loader.builder import read_duration
from stageauto.loader.diagnostics import WARNING, shown, suggest
from stageauto.loader.fields import misfit
from stageauto.loader.scenario import (
    Deed,
    Delete,
    Emit,
    Entry,
    Expect,
    ExpectedItem,
    Fail,
    Given,
    GivenCompany,
    GivenContact,
    GivenItem,
    Hold,
    Move,
    Resume,
    Scenario,
    SetFields,
    Step,
)
from stageauto.loader.shape_check import fitting
from stageauto.loader.source import Path, Report, Source, Spot
from stageauto.loader.world import Outline, World
from stageauto.loader.yaml import Map

_LOCAL_WORDS: Final = ("at", "due")
_LONGEST_PATTERN: Final = 1_000
INBOX: Final = "inbox"
"""The channel of what staff is notified of, as `sent` calls it."""
_WAYS_OUT: Final = {
    "contact": "add it to `contacts` of `given`, or write it out in place of its id",
    "company": "add it to `companies` of `given`, or write it out in place of its id",
}
_ADDRESS_KEYS: Final = ("emails", "phones", "chats")


def read_scenario(world: World, report: Report, source: Source) -> Scenario | None:
    """The scenario of a file; None where it cannot be read."""
    spot = Spot(report, source)
    kept = fitting(spot, source.root, shapes.SCENARIO)
    if kept is None:
        return None
    reader = _Reader(world)
    reader.reached = reader.local(spot.at("start"), kept["start"])
    given = reader.given(spot.at("given"), kept.get("given"))
    steps = [reader.step(spot.at("steps", index), one) for index, one in enumerate(kept["steps"])]
    return Scenario(
        name=source_text(kept["scenario"]),
        file=source.file,
        start=source_text(kept["start"]),
        given=given,
        steps=tuple(one for one in steps if one is not None),
    )


@dataclass(slots=True)
class _Reader:
    world: World
    items: dict[str, str] = field(default_factory=dict)  # id -> pipeline
    contacts: dict[str, GivenContact] = field(default_factory=dict)
    companies: dict[str, GivenCompany] = field(default_factory=dict)
    reached: int | None = None  # the time of the step before; None where it cannot be told

    def given(self, spot: Spot, raw: Any) -> Given:
        kept = fitting(spot, raw, shapes.GIVEN) if raw is not None else None
        if kept is None:
            return Given()
        for index, one in enumerate(kept.get("companies", ())):
            self._company(spot.at("companies", index), one, "")
        for index, one in enumerate(kept.get("contacts", ())):
            self._contact(spot.at("contacts", index), one, "")
        items = [self._item(spot.at("items", index), one) for index, one in enumerate(kept.get("items", ()))]
        fail = [self._fail(spot.at("fail", index), one) for index, one in enumerate(kept.get("fail", ()))]
        return Given(
            items=tuple(one for one in items if one is not None),
            contacts=tuple(self.contacts.values()),
            companies=tuple(self.companies.values()),
            exceptions=tuple(source_text(one) for one in kept.get("exceptions", ())),
            fail=tuple(one for one in fail if one is not None),
        )

    def _item(self, spot: Spot, raw: Any) -> GivenItem | None:
        kept = fitting(spot, raw, shapes.ITEM)
        if kept is None:
            return None
        name, pipeline = source_text(kept["id"]), source_text(kept["pipeline"])
        if name in self.items:
            spot.fault("duplicate-id", f"the item {shown(name)} is given twice", ("id",), hint="give one another id")
        self.items[name] = pipeline
        outline = self._outline(spot, pipeline, ("pipeline",))
        stage = source_text(kept["stage"]) if "stage" in kept else next(iter(outline.stages), "") if outline else ""
        if outline and "stage" in kept:
            _known(spot, "stage", stage, outline.stages, ("stage",))
        fields = kept.get("fields", EMPTY)
        if outline:
            self._fields(spot.at("fields"), fields, outline)
        responsible = source_text(kept["responsible"]) if "responsible" in kept else None
        if responsible is not None:
            self._user(spot, responsible, ("responsible",))
        return GivenItem(
            id=name,
            pipeline=pipeline,
            stage=stage,
            title=source_text(kept.get("title", name)),
            responsible=responsible,
            fields=fields,
            contacts=self._contacts_of(spot, kept, name),
            company=self._company(spot.at("company"), kept["company"], name) if "company" in kept else None,
            tags=tuple(source_text(one) for one in kept.get("tags", ())),
            source=source_text(kept.get("source", "")),
        )

    def _contacts_of(self, spot: Spot, kept: Map, item: str) -> tuple[str, ...]:
        found = []
        if "contact" in kept:
            found.append(self._contact(spot.at("contact"), kept["contact"], item))
        for index, one in enumerate(kept.get("contacts", ())):
            found.append(self._contact(spot.at("contacts", index), one, f"{item}-{index + 1}" if index else item))
        return tuple(dict.fromkeys(one for one in found if one))

    def _contact(self, spot: Spot, raw: Any, owner: str) -> str:
        """The id of a contact that is named or written out."""
        if not isinstance(raw, Mapping) and owner:
            name = source_text(raw)
            _known(spot, "contact", name, self.contacts, ())
            return name
        kept = fitting(spot, raw, shapes.CONTACT)
        if kept is None:
            return ""
        name = self._own_id(spot, kept, owner, "contact", self.contacts)
        if not name:
            return ""
        values = {key: value for key, value in kept.items() if key not in {"id", "company"}}
        company = source_text(kept["company"]) if "company" in kept else None
        if company is not None:
            _known(spot, "company", company, self.companies, ("company",))
        if "opt_out" in values:
            out = values["opt_out"]
            values["opt_out"] = (["*"] if out else []) if isinstance(out, bool) else list(out)
        self.contacts[name] = GivenContact(name, MappingProxyType(_with_addresses(values)), company)
        return name

    def _company(self, spot: Spot, raw: Any, owner: str) -> str:
        if not isinstance(raw, Mapping) and owner:
            name = source_text(raw)
            _known(spot, "company", name, self.companies, ())
            return name
        kept = fitting(spot, raw, shapes.COMPANY)
        if kept is None:
            return ""
        name = self._own_id(spot, kept, owner, "company", self.companies)
        if not name:
            return ""
        values = {key: value for key, value in kept.items() if key != "id"}
        self.companies[name] = GivenCompany(name, MappingProxyType(_with_addresses(values)))
        return name

    def _own_id(self, spot: Spot, kept: Map, owner: str, what: str, known: Mapping[str, Any]) -> str:
        """Its id; one that is written out at an item may do without, any other without is "" and reported."""
        if "id" in kept:
            name = source_text(kept["id"])
            if name in known:
                spot.fault(
                    "duplicate-id", f"the {what} {shown(name)} is given twice", ("id",), hint="give one another id"
                )
            return name
        if not owner:
            spot.fault(
                "missing-key", "`id` is missing", hint="add `id:`", expected="id: By which items name it.", missing=True
            )
        return f"{what}-{owner}" if owner else ""

    def _fail(self, spot: Spot, raw: Any) -> Fail | None:
        kept = fitting(spot, raw, shapes.FAIL)
        if kept is None:
            return None
        channel = source_text(kept["channel"])
        _known(spot, "channel", channel, self.world.names("channel", None), ("channel",))
        default = Fail("")
        times = kept.get("times")
        return Fail(
            channel=channel,
            times=None if times is None else int(times),
            error=source_text(kept.get("error", default.error)),
            permanent=bool(kept.get("permanent", False)),
        )

    def step(self, spot: Spot, raw: Any) -> Step | None:
        kept = fitting(spot, raw, shapes.OUTER_STEP)
        if kept is None:
            return None
        deeds = [one for one in shapes.DEEDS if one in kept]
        if len(deeds) != 1:
            if not (len(deeds) == 0 and any(one in raw for one in shapes.DEEDS)):
                listed = ", ".join(shapes.DEEDS)
                message = "a step does one thing" if deeds else "this step does nothing"
                spot.fault("bad-step", message, hint=f"write exactly one of {listed}", on_key=True)
            return None
        if "after" in kept and "at" in kept:
            spot.fault("bad-step", "a step has `after` or `at`, not both", ("at",), hint="leave one of them out")
        if "at" in kept:
            at = self.local(spot.at("at"), kept["at"])
            if at is not None and self.reached is not None and at < self.reached:
                before = "`start`" if spot.path[-1] == 0 else "the step above it"
                spot.fault(
                    "bad-step", f"{shown(kept['at'])} is before {before}", ("at",), hint="put the steps in order"
                )
            self.reached = at
        for key in ("item", "contact", "id", "data"):
            if key in kept and deeds[0] != "emit":
                below = key == "item" and deeds[0] != "expect"
                hint = f"put it below `{deeds[0]}`" if below else "leave it out"
                spot.fault("bad-step", f"`{key}` goes with `emit`", (key,), hint=hint, on_key=True)
        span = (
            read_duration(spot, kept["after"], ("after",), has_working=self.world.has_working)
            if "after" in kept
            else None
        )
        if "at" not in kept:
            self._pass(span)
        return Step(
            deed=self._deed(spot, deeds[0], kept),
            after=span,
            at=source_text(kept["at"]) if "at" in kept else None,
            place=spot.place,
            path=spot.shown_path,
        )

    def _deed(self, spot: Spot, what: str, kept: Map) -> Deed:
        if what == "emit":
            return self._emit(spot, kept)
        raw, inner = kept[what], spot.at(what)
        if what == "expect":
            return self._expect(inner, raw)
        if not isinstance(raw, Mapping):
            raw = {"item": raw}
            outline = self._of_item(inner, source_text(raw["item"]), ())
        else:
            outline = self._of_item(inner, source_text(raw["item"]), ("item",))
        item = source_text(raw["item"])
        user = source_text(raw["as"]) if "as" in raw else None
        if user is not None:
            self._user(inner, user, ("as",))
        if what == "move":
            to = source_text(raw["to"])
            _known(inner, "stage", to, self._stages(outline), ("to",))
            return Move(item, to, user, source_text(raw.get("reason", "")), bool(raw.get("restart", False)))
        if what == "set":
            self._fields(inner.at("fields"), raw["fields"], outline)
            return SetFields(item, raw["fields"], user)
        if what == "delete":
            return Delete(item, user)
        return Hold(item, user) if what == "hold" else Resume(item, user)

    def _emit(self, spot: Spot, kept: Map) -> Emit:
        name = source_text(kept["emit"])
        if not self.world.known("event", name, None):
            spot.fault(
                "unknown-event", f"there is no event {shown(name)}", ("emit",), hint=suggest(name, self.world.events)
            )
        item = source_text(kept["item"]) if "item" in kept else None
        if item is not None:
            self._of_item(spot, item, ("item",))
        return Emit(
            event=name,
            item=item,
            contact=source_text(kept["contact"]) if "contact" in kept else None,
            id=source_text(kept["id"]) if "id" in kept else None,
            data=kept.get("data", EMPTY),
        )

    def _expect(self, spot: Spot, all_of_it: Map) -> Expect:
        raw = fitting(spot, all_of_it, shapes.OUTER_EXPECT)
        if raw is None:
            return Expect()
        items = []
        for name, values in raw.get("items", EMPTY).items():
            place = spot.at("items", name)
            outline = self._of_item(place, name, ())
            if isinstance(values, Mapping):
                self._expected_item(place, values, outline)
            items.append(ExpectedItem(name, values, place.place))
        moves = {}
        for name, path in raw.get("moves", EMPTY).items():
            self._of_item(spot.at("moves", name), name, ())
            for index, stage in enumerate(path):
                _known(spot, "stage", source_text(stage), self._stages(None), ("moves", name, index))
            moves[name] = tuple(source_text(one) for one in path)
        lists = {key: self._entries(spot.at(key), key, raw[key]) for key in shapes.LISTS if key in raw}
        return Expect(
            items=tuple(items),
            moves=MappingProxyType(moves),
            lists=MappingProxyType(lists),
            exactly=bool(raw.get("exactly", False)),
            places=MappingProxyType({key: spot.at(key).place for key in raw}),
        )

    def _expected_item(self, spot: Spot, values: Mapping[str, Any], outline: Outline | None) -> None:
        if "pipeline" in values:
            outline = self._outline(spot, source_text(values["pipeline"]), ("pipeline",))
        if "stage" in values:
            _known(spot, "stage", source_text(values["stage"]), self._stages(outline, wide=True), ("stage",))
        if values.get("responsible") is not None:
            self._user(spot, source_text(values["responsible"]), ("responsible",))
        for name, value in values.get("fields", EMPTY).items():
            anywhere = self._fields_anywhere()
            if outline is not None and not self.world.known("field", name, outline) and name not in anywhere:
                hint = suggest(name, outline.field_names())
                spot.fault(
                    "unknown-field", f"there is no field {shown(name)}", ("fields", name), hint=hint, on_key=True
                )
            self._pattern(spot.at("fields", name), value)

    def _entries(self, spot: Spot, key: str, raw: list[Any]) -> tuple[Entry, ...]:
        schema = shapes.LISTS[key]["items"]
        kept = [(index, fitting(spot.at(index), one, schema)) for index, one in enumerate(raw)]
        return tuple(self._entry(spot.at(index), key, one) for index, one in kept if one is not None)

    def _entry(self, spot: Spot, key: str, values: Mapping[str, Any]) -> Entry:
        for name, value in values.items():
            if isinstance(value, Mapping | list) or value is None:
                continue
            place, text = spot.at(name), source_text(value)
            if text.startswith("/") and text.endswith("/") and len(text) > 2:
                self._pattern(place, text)
            elif name in _LOCAL_WORDS:
                self.local(place, value)
            elif name == "rule":
                _known(
                    place, "rule", text, {one for outline in self.world.pipelines.values() for one in outline.rules}, ()
                )
            elif name == "do":
                _known(place, "action", text, self.world.actions, ())
            elif name == "event" and not self.world.known("event", text, None):
                place.fault("unknown-event", f"there is no event {shown(text)}", hint=suggest(text, self.world.events))
            elif name == "item" and key != "created":
                self._of_item(place, text, ())
            elif name == "channel" and key in {"sent", "not_sent"}:
                _known(place, "channel", text, {*self.world.names("channel", None), INBOX}, ())
        if key == "created":
            self._expected_item(spot, values, None)
        return Entry(values, spot.place)

    def _pattern(self, spot: Spot, value: Any) -> None:
        if not (isinstance(value, str) and len(value) > 2 and value.startswith("/") and value.endswith("/")):
            return
        problem = _pattern_problem(value[1:-1])
        if problem:
            message = f"{shown(value)} is no regular expression: {problem}"
            spot.fault("bad-pattern", message, hint="text between slashes is searched for as one; its syntax is RE2's")

    def _fields(self, spot: Spot, raw: Mapping[str, Any], outline: Outline | None) -> None:
        for name, value in raw.items():
            if outline is None:
                known = self._fields_anywhere()
                if name not in known:
                    message, hint = f"there is no field {shown(name)}", suggest(name, known)
                    spot.fault("unknown-field", message, (name,), hint=hint, on_key=True)
                continue
            kind = outline.fields.get(name) or BUILT_IN.get(name)
            if kind is None:
                if name not in outline.broken_fields:
                    message = f"pipeline `{outline.id}` has no field {shown(name)}"
                    spot.fault(
                        "unknown-field", message, (name,), hint=suggest(name, [*outline.fields, *BUILT_IN]), on_key=True
                    )
                continue
            fault = misfit(self.world, kind, value) if kind.type not in {"contact", "company"} else None
            if fault:
                spot.fault("bad-value", fault[0], (name,), hint=fault[1])

    def _fields_anywhere(self) -> set[str]:
        """The fields of all pipelines, for an item of which nobody knows where it is."""
        return {*BUILT_IN, *(name for outline in self.world.pipelines.values() for name in outline.field_names())}

    def _outline(self, spot: Spot, name: str, at: Path) -> Outline | None:
        _known(spot, "pipeline", name, self.world.pipelines, at)
        return self.world.pipelines.get(name)

    def _stages(self, outline: Outline | None, *, wide: bool = False) -> Iterable[str]:
        """The stages of a pipeline; of all of them where it is not known, or where the item may have left it."""
        if outline is not None and not wide:
            return outline.stages
        return {stage for one in self.world.pipelines.values() for stage in one.stages}

    def _user(self, spot: Spot, name: str, at: Path) -> None:
        """Reports a user that is not there; a workspace without users takes any name."""
        if self.world.users:
            _known(spot, "user", name, self.world.users, at)

    def _of_item(self, spot: Spot, name: str, at: Path) -> Outline | None:
        """The pipeline in which a given item begins; None for one that rules or intake make, such as `deal-1`."""
        entity, _, number = name.rpartition("-")
        if (
            name not in self.items
            and number.isdigit()
            and any(one.entity == entity for one in self.world.pipelines.values())
        ):
            return None
        if name not in self.items:
            message = f"no item {shown(name)} is given"
            spot.fault("unknown-item", message, at, hint=suggest(name, self.items), severity=WARNING)
            return None
        return self.world.pipelines.get(self.items[name])

    def _pass(self, span: Duration | None) -> None:
        working = self.world.calendars.get("working")
        if span is not None and self.reached is not None:
            counted = working is not None or not (span.working_days or span.working_ms)
            self.reached = shift(self.reached, span, self.world.zone, working) if counted else None

    def local(self, spot: Spot, raw: Any) -> int | None:
        """The instant of a local time, ms UTC; reports what is none."""
        try:
            return parse_local(source_text(raw), self.world.zone)
        except LocalTimeError as error:
            spot.fault("bad-time", error.message, hint=error.hint)
            return None


def _pattern_problem(pattern: str) -> str:
    if len(pattern) > _LONGEST_PATTERN:
        return f"it is longer than {_LONGEST_PATTERN:,} characters"
    import re2  # what searches them when the scenario runs

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        return bytes(error.args[0]).decode("utf-8", "replace")
    return ""


def _known(spot: Spot, what: str, name: str, known: Iterable[str], at: Path) -> None:
    names = set(known)
    if name not in names:
        hint = suggest(name, names) or _WAYS_OUT.get(what, "")
        spot.fault(f"unknown-{what}", f"there is no {what} {shown(name)}", at, hint=hint)


def _with_addresses(values: dict[str, Any]) -> dict[str, Any]:
    for key in _ADDRESS_KEYS:
        if key in values:
            raw = values[key] if isinstance(values[key], list) else [values[key]]
            values[key] = [_address(one) for one in raw]
    return {key: value if isinstance(value, list | bool) else source_text(value) for key, value in values.items()}


def _address(raw: Any) -> dict[str, str]:
    if isinstance(raw, Mapping):
        return {"value": source_text(raw["value"]), "type": source_text(raw.get("type", ""))}
    return {"value": source_text(raw), "type": ""}
