"""Checks the names that templates and conditions read, against the workspace and the pipeline they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stageauto.engine import scope
from stageauto.engine.template_names import Name
from stageauto.loader.attributes import attribute_fault
from stageauto.loader.diagnostics import ERROR, WARNING, near, suggest
from stageauto.loader.source import Spot
from stageauto.loader.world import BUILT_IN_TYPES, Outline, World

_FIXED = {
    "contact": scope.CONTACT_NAMES,
    "company": scope.COMPANY_NAMES,
    "responsible": scope.USER_NAMES,
    "pipeline": scope.PIPELINE_NAMES,
    "stage": scope.STAGE_NAMES,
    "document": scope.DOCUMENT_NAMES,
}
_OF_A_USER = 2
_A_SLIP: Final = 0.8
"""So near, a word is another one mistyped (`subjct`); else it may be data of one's own (`count`, beside `amount`)."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: which names it may use. `event` None: any key of the event; `results` None: of any rule.

    `by_hand`: which other keys whoever emits the event may add, so that they are only warned of: none, those that are
    `far` from the known ones, or any.
    """

    world: World
    outline: Outline
    event: frozenset[str] | None = None
    event_name: str = ""
    by_hand: str = "none"
    rule: str = ""
    results: frozenset[str] | None = None
    later: frozenset[str] = field(default_factory=frozenset)  # rules of the stage that begin after this one

    def check(self, spot: Spot, names: Iterable[Name], where: Where | None = None) -> None:
        """Reports every name that means nothing; the spot is the scalar's."""
        for name in names:
            fault = self._fault(name.path)
            if fault is not None:
                code, message, hint = fault
                place = where or Where(spot)
                place.report(code, message, hint, name, self._severity(name.path))

    def _severity(self, path: tuple[str, ...]) -> str:
        if path[0] != "event" or self.event is None or self.by_hand == "none":
            return ERROR
        slip = near(path[1], self.event, _A_SLIP) is not None
        return ERROR if slip and self.by_hand != "any" else WARNING

    def _fault(self, path: tuple[str, ...]) -> tuple[str, str, str] | None:
        root = path[0]
        if root not in scope.ROOT_NAMES:
            return self._unknown_root(root)
        if len(path) == 1:
            return None
        attribute = path[1]
        if root in _FIXED:
            fault = _unknown(root, attribute, _FIXED[root], "unknown-name")
            return fault or self._attributes(path)
        checker = _CHECKERS.get(root)
        fault = checker(self, path) if checker else None
        return fault or self._attributes(path)

    def _attributes(self, path: tuple[str, ...]) -> tuple[str, str, str] | None:
        if path[0] != "item":
            return attribute_fault(path, None, multiple=False)
        field = self.outline.fields.get(path[1])
        kind = field.type if field else BUILT_IN_TYPES.get(path[1])
        return attribute_fault(path, kind, multiple=field.multiple if field else path[1] == "tags")

    def _unknown_root(self, root: str) -> tuple[str, str, str]:
        if root in self.outline.fields:
            hint = f"write `item.{root}`"
        elif root in self.world.vars:
            hint = f"write `vars.{root}`"
        else:
            hint = suggest(root, scope.ROOT_NAMES)
        return "unknown-name", f"there is no `{root}` to read", hint

    def _item(self, path: tuple[str, ...]) -> tuple[str, str, str] | None:
        names = self.outline.field_names()
        if path[1] in names or path[1] in scope.ITEM_NAMES or path[1] in self.outline.broken_fields:
            return None
        message = f"pipeline `{self.outline.id}` has no field `{path[1]}`"
        return "unknown-field", message, suggest(path[1], names)

    def _vars(self, path: tuple[str, ...]) -> tuple[str, str, str] | None:
        return _unknown("vars", path[1], self.world.vars, "unknown-name")

    def _users(self, path: tuple[str, ...]) -> tuple[str, str, str] | None:
        if path[1] not in self.world.users:
            return "unknown-user", f"there is no user `{path[1]}`", suggest(path[1], self.world.users)
        return _unknown(f"users.{path[1]}", path[_OF_A_USER], scope.USER_NAMES, "unknown-name") if path[2:] else None

    def _event(self, path: tuple[str, ...]) -> tuple[str, str, str] | None:
        if self.event is None or path[1] in self.event:
            return None
        return "unknown-name", f"the event `{self.event_name}` has no `{path[1]}`", suggest(path[1], self.event)

    def _results(self, path: tuple[str, ...]) -> tuple[str, str, str] | None:
        name = path[1]
        if name == self.rule:
            return "result-not-earlier", f"`{name}` is this rule itself: it has no result yet", ""
        if name in self.later:
            hint = "read the results of rules that come before"
            return "result-not-earlier", f"`{name}` begins after this rule: it has no result yet", hint
        known = self.outline.rules if self.results is None else self.results
        if name in known:
            return None
        if name in self.outline.rules:
            hint = "results are those of the same stage; keep it in a field with `update_item`"
            return "unknown-rule", f"the rule `{name}` belongs to the stage `{self.outline.rules[name]}`", hint
        earlier = {*known} - {self.rule} - self.later
        return "unknown-rule", f"there is no rule `{name}` in this stage", suggest(name, earlier)


@dataclass(frozen=True, slots=True)
class Where:
    """Where a template's own lines and columns lie: in a scalar, or in a file under templates/."""

    spot: Spot

    def report(self, code: str, message: str, hint: str, name: Name, severity: str) -> None:
        """Reports at the name's place."""
        found, inside = name.written or ".".join(name.path), (name.line, name.column)
        self.spot.fault(code, message, hint=hint, inside=inside, found=found, severity=severity)


_CHECKERS: Mapping[str, Any] = {
    "item": Reader._item,  # noqa: SLF001 - same class
    "vars": Reader._vars,  # noqa: SLF001
    "users": Reader._users,  # noqa: SLF001
    "event": Reader._event,  # noqa: SLF001
    "results": Reader._results,  # noqa: SLF001
}


def _unknown(root: str, attribute: str, known: Iterable[str], code: str) -> tuple[str, str, str] | None:
    names = list(known)
    if attribute in names:
        return None
    return code, f"`{root}` has no `{attribute}`", suggest(attribute, names)
