"""Rules: from their YAML to `stageauto.engine.model.Rule`, with the action they set going."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from stageauto.engine.action import Action
from stageauto.engine.durations import Duration
from stageauto.engine.model import EMPTY, Rule
from stageauto.engine.options import FieldsOption, GroupOption, options_of, schema_of
from stageauto.engine.options import at as narrowed
from stageauto.engine.scalars import source_text
from stageauto.engine.schedule import When
from stageauto.loader import shapes
from stageauto.loader.builder import SpotBuilder, check_working
from stageauto.loader.diagnostics import ERROR, WARNING, suggest
from stageauto.loader.fields import check_set
from stageauto.loader.names import Reader
from stageauto.loader.shape_check import fitting
from stageauto.loader.source import Spot, id_of
from stageauto.loader.timing import read_repeat, read_retry, read_when
from stageauto.loader.world import Outline, World
from stageauto.loader.yaml import Map

# What is checked on its own, so that a fault in it does not hide the others.
_RULE: Final[dict[str, Any]] = {
    **shapes.RULE,
    "properties": {**shapes.RULE["properties"], "retry": {"type": "object"}},
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule whose shape is right, before it is compiled."""

    raw: Map
    spot: Spot
    index: int
    after: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its id."""
        return id_of(self.raw)

    @property
    def enabled(self) -> bool:
        """Whether it runs."""
        return bool(self.raw.get("enabled", True))


def read_rules(world: World, outline: Outline, stage: str, spot: Spot, raw: Sequence[Any]) -> tuple[Rule, ...]:
    """The rules of a stage; the spot is that of the list."""
    drafts: list[Draft] = []
    named = set()
    for index, one in enumerate(raw):
        named.add(id_of(one))
        kept = fitting(spot.at(index), one, _RULE)
        if kept is not None:
            drafts.append(Draft(kept, spot.at(index), index, ()))
    drafts = [dataclasses.replace(draft, after=_after(draft, drafts, named, outline, stage)) for draft in drafts]
    _check_circles(drafts)
    later = _followers(drafts)
    results = frozenset(named)
    built = []
    for draft in drafts:
        reader = Reader(world, outline, rule=draft.id, results=results, later=later.get(draft.id, frozenset()))
        rule = _build(SpotBuilder(draft.spot, reader, draft.raw), draft, stage)
        if rule is not None:
            built.append(rule)
    return tuple(built)


def _after(draft: Draft, drafts: Sequence[Draft], named: set[str], outline: Outline, stage: str) -> tuple[str, ...]:
    raw = draft.raw.get("after")
    if raw is None:
        return ()
    spot = draft.spot.at("after")
    entries = list(enumerate(raw)) if isinstance(raw, list) else [(None, raw)]
    found: list[str] = []
    for index, entry in entries:
        place = spot if index is None else spot.at(index)
        name = source_text(entry)
        target = _previous(draft, drafts, place) if name == "previous" else name
        if target is not None and _chainable(draft, target, drafts, named, outline, stage, place):
            found.append(target)
    return tuple(dict.fromkeys(found))


def _previous(draft: Draft, drafts: Sequence[Draft], spot: Spot) -> str | None:
    above = [one for one in drafts if one.index < draft.index and one.enabled]
    if above:
        return above[-1].id
    if draft.enabled:
        message = "`after: previous`, but there is no enabled rule above it in this stage"
        spot.fault("chain-no-previous", message, hint="leave `after` out")
    return None


def _chainable(  # noqa: PLR0913, PLR0917 - all that a chain is judged by
    draft: Draft, target: str, drafts: Sequence[Draft], named: set[str], outline: Outline, stage: str, spot: Spot
) -> bool:
    other = next((one for one in drafts if one.id == target), None)
    if target == draft.id:
        spot.fault("chain-itself", f"the rule `{target}` waits for itself", hint="leave `after` out")
    elif other is None and target in named:
        return False  # that rule's own fault has been reported
    elif other is None and target in outline.rules:
        message = f"the rule `{target}` belongs to the stage `{outline.rules[target]}`, not to `{stage}`"
        spot.fault("chain-other-stage", message, hint="a chain stays within its stage")
    elif other is None:
        hint = suggest(target, [*(one.id for one in drafts if one is not draft), "previous"])
        spot.fault("unknown-rule", f"there is no rule `{target}` in this stage", hint=hint)
    elif draft.enabled and not other.enabled:
        spot.fault(
            "chain-disabled",
            f"the rule `{target}` is disabled: it never finishes",
            hint="enable it, or chain to another",
        )
    elif _endless(other.raw):
        message = f"the rule `{target}` repeats without end: it never finishes"
        spot.fault("chain-endless", message, hint="give its `repeat` a number of `times`")
    else:
        return True
    return False


def _endless(raw: Map) -> bool:
    repeat = raw.get("repeat")
    return isinstance(repeat, Mapping) and "times" not in repeat


def _check_circles(drafts: Sequence[Draft]) -> None:
    chains = {draft.id: draft.after for draft in drafts}
    told: set[str] = set()
    for draft in drafts:
        circle = _circle(draft.id, chains)
        if circle and draft.id not in told:
            told.update(circle)
            path = " -> ".join([*circle, circle[0]])
            draft.spot.fault(
                "chain-circle", f"these rules wait for each other: {path}", ("after",), hint="one must begin"
            )


def _circle(start: str, chains: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The way from a rule back to itself, or nothing."""
    came_from: dict[str, str] = {}
    stack = [start]
    while stack:
        here = stack.pop()
        for following in chains.get(here, ()):
            if following == start:
                way = [here]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if following not in came_from:
                came_from[following] = here
                stack.append(following)
    return []


def _followers(drafts: Sequence[Draft]) -> dict[str, frozenset[str]]:
    """For each rule, those that begin only after it."""
    direct: dict[str, set[str]] = {}
    for draft in drafts:
        for name in draft.after:
            direct.setdefault(name, set()).add(draft.id)
    found: dict[str, frozenset[str]] = {}
    for name in direct:
        seen: set[str] = set()
        stack = [name]
        while stack:
            new = direct.get(stack.pop(), set()) - seen
            seen |= new
            stack.extend(new)
        found[name] = frozenset(seen)
    return found


def _build(builder: SpotBuilder, draft: Draft, stage: str) -> Rule | None:
    raw, world = draft.raw, builder.reader.world
    kind = world.actions.get(source_text(raw["do"]))
    if kind is None:
        message = f"there is no action `{source_text(raw['do'])[:60]}`"
        builder.fault("unknown-action", message, ("do",), hint=suggest(source_text(raw["do"]), world.actions))
    action = read_action(builder, kind) if kind else None
    if kind is not None and kind.own_time and "when" in raw:
        message = f"`{kind.kind}` has its own time: it takes no `when`"
        builder.fault("own-time", message, ("when",), hint="say under `with` how long (`for: 3d`)")
    when = read_when(builder, raw.get("when"))
    condition = builder.condition(raw["if"], ("if",)) if "if" in raw else None
    repeat = read_repeat(builder, raw.get("repeat"))
    hours = _hours(builder, raw)
    keep = raw.get("on_leave") == "keep"
    if keep and "repeat" in raw:
        message = "`on_leave: keep` with `repeat`: a repetition ends when the item leaves"
        builder.fault("keep-repeat", message, ("on_leave",), hint="leave one of them out")
    retry = read_retry(builder.spot.at("retry"), raw.get("retry"), world.limits.retry) if "retry" in raw else None
    if action is None:
        return None
    return Rule(
        id=draft.id,
        do=source_text(raw["do"]),
        action=action,
        pipeline=builder.reader.outline.id,
        stage=stage,
        index=draft.index,
        path=draft.spot.shown_path,
        name=source_text(raw.get("name", "")),
        condition=condition,
        when=when if not (kind and kind.own_time) else When(kind="immediately"),
        hours=hours,
        after=draft.after,
        keep=keep,
        once_item=raw.get("once") == "item",
        retry=retry,
        continue_on_failure=raw.get("on_failure") == "continue",
        repeat=repeat,
        enabled=draft.enabled,
        place=draft.spot.place,
    )


def _hours(builder: SpotBuilder, raw: Map) -> str | None:
    if "hours" not in raw:
        return None
    name = source_text(raw["hours"])
    if name != "responsible":
        builder.known("calendar", name, ("hours",))
    elif not builder.reader.world.has_working:
        message = "`hours: responsible` falls back on the calendar `working`, which is not set up"
        builder.fault("no-working-calendar", message, ("hours",), hint="add it to `calendars` in stageauto.yaml")
    return name


@cache
def action_schema(kind: Any) -> Mapping[str, Any]:
    """The JSON Schema of an action's `with:`."""
    return schema_of(kind)


@cache
def _options(kind: Any) -> Mapping[str, Any]:
    return options_of(kind)


@cache
def _option_names(kind: Any) -> Mapping[str, str]:
    return {field.name.rstrip("_"): field.name for field in dataclasses.fields(kind) if "option" in field.metadata}


def read_action(builder: SpotBuilder, kind: type[Action]) -> Action | None:
    """The action with its compiled options, or None where it cannot be made."""
    cls: Any = kind
    needed = action_schema(cls).get("required", ())
    if "with" not in builder.raw and "with" in builder.spot.source.value(builder.spot.path):
        return None  # it is there, and what is wrong with it has been told
    if "with" not in builder.raw and needed:
        message = f"`with` is missing: `{kind.kind}` needs {' and '.join(f'`{name}`' for name in needed)}"
        hint = "add `with:` and below it " + ", ".join(f"`{name}:`" for name in needed)
        builder.spot.fault("missing-key", message, hint=hint, missing=True)
        return None
    spot = builder.spot.at("with") if "with" in builder.raw else builder.spot
    raw = builder.raw.get("with", EMPTY)
    found = builder.spot.report.found
    before = len(found)
    made = read_options(SpotBuilder(spot, builder.reader, raw), kind, raw)
    if made is None or any(one.severity == ERROR for one in found[before:]):
        return None
    if not builder.reader.world.has_working:
        for name, inner in _option_names(cls).items():
            value = getattr(made, inner)
            if isinstance(value, Duration):
                check_working(spot, value, (name,))
    made.check(SpotBuilder(spot, builder.reader, raw))
    if made.message_kind() == "mail" and "from" not in raw:
        _check_mailbox(builder)
    return made  # type: ignore[no-any-return]


def read_options(builder: SpotBuilder, kind: Any, raw: Mapping[str, Any]) -> Any:
    """An instance of a dataclass whose fields are options; None where a required one is missing or all is wrong."""
    kept = fitting(
        builder.spot,
        raw if isinstance(raw, Map) else Map(builder.spot.source.spans(builder.spot.path)[1]),
        action_schema(kind),
    )
    usable = kept if kept is not None else _known_part(raw, kind)
    options, names = _options(kind), _option_names(kind)
    narrow = SpotBuilder(builder.spot, builder.reader, raw)
    values = {
        names[name]: options[name].type.build(one, _with_siblings(narrow, name, raw))
        for name, one in usable.items()
        if name in options
    }
    _check_groups(narrow, options, usable)
    return kind(**values) if kept is not None else None


def _check_mailbox(builder: SpotBuilder) -> None:
    world = builder.reader.world
    if not any(user.mailbox for user in world.users.values()):
        message = "it leaves from the mailbox of the responsible, and no user has one: nothing will be sent"
        hint = "add `from: workspace`, or give users a `mailbox` in stageauto.yaml"
        builder.fault("no-mailbox", message, ("do",), hint=hint, severity=WARNING)


def _check_groups(builder: SpotBuilder, options: Mapping[str, Any], raw: Mapping[str, Any]) -> None:
    """What is written to fields by the options, and by the options inside of them."""
    for name, one in raw.items():
        kind = options[name].type if name in options else None
        if isinstance(kind, FieldsOption):
            _check_fields(builder, kind, name, raw)
        elif isinstance(kind, GroupOption):
            inner = SpotBuilder(builder.spot.at(name), builder.reader, one)
            _check_groups(inner, _options(kind.cls), one)


def _check_fields(builder: SpotBuilder, said: Any, name: str, raw: Mapping[str, Any]) -> None:
    """What `set` writes: read-only fields and constants that do not fit (unknown ones have been reported)."""
    world = builder.reader.world
    outline: Outline | None = builder.reader.outline
    if said.pipeline_from and said.pipeline_from in raw:
        outline = world.pipelines.get(source_text(raw[said.pipeline_from]))
    if outline is not None:
        known = {one: value for one, value in raw[name].items() if one in outline.field_names()}
        check_set(builder, known, (name,), outline)


def _with_siblings(builder: SpotBuilder, name: str, raw: Mapping[str, Any]) -> Any:
    return narrowed(SpotBuilder(builder.spot, builder.reader, raw), name)


def _known_part(raw: Mapping[str, Any], kind: Any) -> Mapping[str, Any]:
    """Where a required option is missing, those that fit by themselves: compiled to find their faults."""
    from stageauto.loader.check import compile_fits

    properties = action_schema(kind)["properties"]
    return {name: one for name, one in raw.items() if name in properties and compile_fits(properties[name])(one)}
