"""Fields that rules write and nothing reads, or that rules read and nothing writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from stageauto.engine.model import Intake, Pipeline, Rule, Trigger
from stageauto.engine.options import Attachment, FieldsOption, GroupOption, NameOption, Option
from stageauto.engine.template_names import Name
from stageauto.loader.lint.view import Finding, View, is_foreign, rules_of

# Options that name the field into which an action puts what it made; `cancel_booking` reads which booking it is.
_PUT_INTO: Final = frozenset({"generate_code", "create_qr", "create_document", "book_resource"})
# Actions that take names and addresses from fields by their type or name.
_READ_PEOPLE: Final = frozenset({"convert", "create_contact"})
_PEOPLE: Final = frozenset({"first_name", "last_name", "name"})
_ADDRESSES: Final = frozenset({"email", "phone"})


@dataclasses.dataclass(slots=True)
class Use:
    """What automation does with the fields of one pipeline. `unknown`: it cannot be told."""

    read: set[str] = dataclasses.field(default_factory=set)
    written: set[str] = dataclasses.field(default_factory=set)
    unknown: bool = False


def one_sided_fields(view: View) -> Iterator[Finding]:
    """`field-never-read` and `field-never-written`; people and imports may do the other half."""
    uses = {pipeline.id: Use() for pipeline in view.pipelines()}
    for pipeline in view.pipelines():
        _gather(pipeline, uses)
    for pipeline in view.pipelines():
        _share(pipeline, uses, view)
    for pipeline in view.pipelines():
        if not uses[pipeline.id].unknown:
            yield from _findings(pipeline, uses[pipeline.id])


def _findings(pipeline: Pipeline, use: Use) -> Iterator[Finding]:
    for name, field in pipeline.fields.items():
        path = ("fields", name)
        if name in use.written and name not in use.read:
            message = f"the field `{name}` is written, but no rule, trigger or template reads it: only people can"
            hint = "remove it if nobody looks at it"
            yield Finding("field-never-read", pipeline.file, path, message, hint, on_key=True)
        elif name in use.read and name not in use.written and not field.required and field.default is None:
            message = f"the field `{name}` is read, but no rule, trigger or intake entry writes it: only people can"
            hint = "set it somewhere, or say `required: true` or a `default`"
            yield Finding("field-never-written", pipeline.file, path, message, hint, on_key=True)


# -- what is read and written -----------------------------------------------------------------------------------------


def _gather(pipeline: Pipeline, uses: Mapping[str, Use]) -> None:
    use = uses[pipeline.id]
    for rule in rules_of(pipeline):  # disabled ones too: they are kept to be enabled again
        _asks(use, rule)
        if rule.when.field is not None:
            use.read.add(rule.when.field)
        use.unknown = use.unknown or is_foreign(rule)
        _action(rule, pipeline, uses)
    for stage in pipeline.stages:
        for trigger in stage.triggers:
            _takes(use, trigger)
            use.read.update(map(str, trigger.where.get("field", ())))
            if trigger.event == "field.changed" and "field" not in trigger.where:
                use.unknown = True  # it may be about any of them
            _names(use, trigger.move_as.names if trigger.move_as is not None else ())
    for entry in pipeline.intake:
        _takes(use, entry)


def _takes(use: Use, one: Trigger | Intake) -> None:
    _asks(use, one)
    use.written.update(one.set)
    for value in one.set.values():
        _names(use, value.names)


def _asks(use: Use, one: Rule | Trigger | Intake) -> None:
    _names(use, one.condition.names if one.condition is not None else ())


def _names(use: Use, names: Iterable[Name]) -> None:
    for name in names:
        if name.path[0] == "item":
            if len(name.path) == 1:
                use.unknown = True  # the item as a whole
            else:
                use.read.add(name.path[1])


def _action(rule: Rule, pipeline: Pipeline, uses: Mapping[str, Use]) -> None:
    _options(rule.action, rule.do, uses[pipeline.id], uses)
    if rule.do in _READ_PEOPLE:
        use = uses[pipeline.id]
        use.read.update(field.name for field in pipeline.fields.values() if field.type in _ADDRESSES)
        use.read.update(_PEOPLE)


def _options(holder: Any, do: str, use: Use, uses: Mapping[str, Use]) -> None:
    for name, option in _declared(holder.__class__):
        value = getattr(holder, name)
        if value is None:
            continue
        if isinstance(option.type, FieldsOption):
            into = use if not option.type.pipeline_from else uses[getattr(holder, option.type.pipeline_from)]
            into.written.update(value)
        if isinstance(option.type, NameOption) and option.type.what == "field":
            (use.written if do in _PUT_INTO else use.read).add(str(value))
            continue
        if isinstance(option.type, GroupOption):
            _options(value, do, use, uses)
        else:
            _read(use, value)


def _read(use: Use, value: Any) -> None:
    """Everything that a compiled option reads, however deep it lies."""
    if value is None or isinstance(value, str | int | float):
        return
    names = getattr(value, "names", None)
    if names is not None:
        _names(use, names)
    elif isinstance(value, Attachment):
        if value.kind == "field":
            use.read.add(value.value)
    elif isinstance(value, Mapping):
        for one in value.values():
            _read(use, one)
    elif isinstance(value, list | tuple):
        for one in value:
            _read(use, one)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _read(use, getattr(value, field.name))


@cache
def _declared(kind: type) -> tuple[tuple[str, Option], ...]:
    return tuple((f.name, f.metadata["option"]) for f in dataclasses.fields(kind) if "option" in f.metadata)


def _share(pipeline: Pipeline, uses: Mapping[str, Use], view: View) -> None:
    """Items that change their pipeline keep the fields that the other one has too."""
    for rule in rules_of(pipeline):
        if rule.do == "change_pipeline":
            action: Any = rule.action
            here, there = uses[pipeline.id], uses[action.pipeline]
            common = pipeline.fields.keys() & view.workspace.pipelines[action.pipeline].fields.keys()
            here.read |= common & there.read
            there.written |= common & here.written
            there.unknown = there.unknown or here.unknown
            here.unknown = here.unknown or there.unknown
