"""Rows of the journal done again on a virtual clock: events as they came, commands as somebody gave them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from stageauto.engine import commands, step
from stageauto.engine.answering import reply
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.state import Delivery, Item, Journal, Run
from stageauto.errors import UsageError
from stageauto.runner.import_values import Ready
from stageauto.runner.importing import Order, place
from stageauto.runner.intake import event_of
from stageauto.runner.overdue import release_held
from stageauto.runner.simulate import Simulation

if TYPE_CHECKING:
    from stageauto.channels.base import Outcome
    from stageauto.engine.model import Workspace
    from stageauto.runner.recorded import Ids, Providers
    from stageauto.store.sqlite import SqliteStore
    from stageauto.store.sqlite_state import SqliteState

COMMAND = "command."


class ReplayDraft(Draft):
    """A draft in which what is made again gets the id it had."""

    cause = ""  # the item whose run is done, or the event that is handled
    rule = ""
    ids: Ids | None = None

    def new_id(self, kind: str) -> str:
        """The id that was given then, else one that was never given."""
        known = self.ids.next(self.cause, self.rule, kind) if self.ids else None
        return known or super().new_id(kind)


class Replay(Simulation):
    """A simulation from a state as it was, with the ids and the providers' answers that are on record."""

    draft: ReplayDraft

    def __init__(
        self, workspace: Workspace, start: int, store: SqliteStore, *, ids: Ids | None = None,
        providers: Providers | None = None,
    ) -> None:  # fmt: skip
        super().__init__(workspace, start, store=store)
        self.draft.ids = ids
        self._providers = providers

    def _draft(self) -> ReplayDraft:
        return ReplayDraft(self.state, self.workspace, draw=self.clock.draw, state_id="simulation")

    def _tick(self, item: Item, run: Run | None, now: int) -> None:
        self.draft.cause, self.draft.rule = item.id, run.rule if run is not None else ""
        step.tick(self.draft, item, run, now)

    def _answer(self, delivery: Delivery) -> Outcome:
        known = self._providers.answer(delivery) if self._providers else None
        return super()._answer(delivery) if known is None else known

    def again(self, row: Journal) -> None:
        """Does the row again, at the virtual moment. Raises StageautoError where it cannot be done; nothing is then."""
        self.draft.cause, self.draft.rule = row.id, ""
        if not row.type.startswith(COMMAND):
            self.take(event_of(row))
            return
        deed = DEEDS.get(row.type.removeprefix(COMMAND))
        if deed is None:
            raise UsageError(f"nobody knows how to do `{row.type}` again")
        by = By(row.id, row.at, row.author, row.source)
        self.do(lambda draft: deed(draft, by, row.item or "", row.data))


Deed = Callable[[Draft, By, str, Mapping[str, Any]], object]


def _add(draft: Draft, by: By, item: str, data: Mapping[str, Any]) -> object:
    new = NewItem(
        data["pipeline"], data["stage"], data["values"], data.get("contact", {}), data.get("company", {}), item_id=item
    )
    return commands.add(draft, by, new)


def _import(draft: Draft, by: By, item: str, data: Mapping[str, Any]) -> object:
    first, _, line = by.id.rpartition(".")
    row = Ready(int(line), item, data["stage"], data["values"], {}, {}, data["created_at"], data["stage_entered_at"])
    order = Order(by.source, b"", data["pipeline"], start_rules=data["rules"])
    by = By(first, by.at, by.author, by.source)
    return place(draft, by, row, order, contacts=list(data["contacts"]), company=data["company"])


def _move(draft: Draft, by: By, item: str, data: Mapping[str, Any]) -> object:
    return commands.move(
        draft, by, item, data["to"], reason=data["reason"], restart=data["restart"], pipeline=data["pipeline"]
    )


def _book(draft: Draft, by: By, item: str, data: Mapping[str, Any]) -> object:
    field = str(data.get("field") or "")
    return commands.book(
        draft, by, data["resource"], data["start"], data["end"], item_id=item or None, field_name=field,
        user=data["user"],
    )  # fmt: skip


def _reply(draft: Draft, by: By, item: str, data: Mapping[str, Any]) -> object:
    found = draft.item(item)
    if found is None or found.deleted:
        raise UsageError(f"there is no item `{item}`")
    return reply(draft, by, found, data["chat"], data["text"])


def _unexcept(draft: Draft, _: By, __: str, data: Mapping[str, Any]) -> object:
    draft.flush()
    return cast("SqliteState", draft.state).remove_exemption(data["address"])


def _resume_all(draft: Draft, by: By, _: str, __: Mapping[str, Any]) -> object:
    draft.flush()
    return release_held(draft, cast("SqliteState", draft.state), by.at)


DEEDS: Mapping[str, Deed] = {
    "add": _add,
    "import": _import,
    "move": _move,
    "set": lambda draft, by, item, data: commands.set_fields(draft, by, item, data["values"]),
    "delete": lambda draft, by, item, _: commands.delete(draft, by, item),
    "hold": lambda draft, by, item, data: commands.hold_item(draft, by, item, data["reason"]),
    "resume": lambda draft, by, item, _: commands.resume_item(draft, by, item),
    "cancel": lambda draft, by, item, data: commands.cancel(draft, by, item, data["run"]),
    "run-now": lambda draft, by, item, data: commands.run_now(draft, by, item, data["run"]),
    "retry": lambda draft, by, item, data: commands.retry(draft, by, item, data["run"]),
    "resolve": lambda draft, by, _, data: commands.resolve(draft, by, data["delivery"], sent=data["sent"]),
    "task-done": lambda draft, by, _, data: commands.task_done(draft, by, data["task"]),
    "activity-done": lambda draft, by, item, data: commands.activity_done(draft, by, item, data["activity"]),
    "book": _book,
    "except": lambda draft, by, _, data: commands.except_address(draft, by, data["address"]),
    "unexcept": _unexcept,
    "contact": lambda draft, by, _, data: commands.change_contact(draft, by, data["contact"], data["values"]),
    "resume-all": _resume_all,
    "reply": _reply,
    "comment": lambda _, __, ___, ____: None,  # sets nothing going
}
"""What people can do by hand, by its word in the journal."""
