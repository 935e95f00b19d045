"""Items from a file: all of them in one transaction, or none, with every fault of the file at once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stageauto.engine import commands, triggers
from stageauto.engine.changing import new_item
from stageauto.engine.commands import By
from stageauto.engine.draft import Draft
from stageauto.engine.model import ITEMS_UPDATE, Pipeline, Workspace
from stageauto.engine.people import change_company, new_company
from stageauto.engine.state import Item, Journal
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.runner.import_mapping import Mapped, not_taken, read_mapping, settled
from stageauto.runner.import_rows import Table, read_table
from stageauto.runner.import_values import Converter, Ready
from stageauto.runner.session import Session

if TYPE_CHECKING:
    from stageauto.store.sqlite_state import SqliteReader

Progress = Callable[[int, int], None]


def _silent(_done: int, _all: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to import: the file's name and bytes, where to, and how."""

    name: str
    content: bytes
    pipeline: str
    mapped: Mapped = field(default_factory=Mapped)
    form: str | None = None  # "csv" or "jsonl"; None: as the name says
    delimiter: str | None = None
    start_rules: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Imported:
    """What came of it. `by_stage` in the pipeline's order; `rules`: how many runs were set going."""

    pipeline: str
    items: int = 0
    dry_run: bool = False
    by_stage: dict[str, int] = field(default_factory=dict)
    contacts: int = 0
    companies: int = 0
    rules: int = 0
    not_taken: list[str] = field(default_factory=list)


def import_file(session: Session, order: Order, progress: Progress = _silent) -> Imported:
    """Makes an item of each row.

    Raises ImportFaultsError with all that is wrong, UsageError, NotAllowedError; then nothing is changed.
    Without `start_rules` no rule begins and no event is made: the items just stand in their stages.
    """
    with session.read(ITEMS_UPDATE, order.pipeline) as state:
        workspace = session.workspace(state)
        pipeline = _pipeline(workspace, order.pipeline)
        table = read_table(order.name, order.content, form=order.form, delimiter=order.delimiter)
        origins = settled(order.mapped, pipeline, table.columns)
        if not origins:
            raise UsageError(
                f"no column of {order.name} goes anywhere in {pipeline.id}", "say where with --map FIELD=COLUMN"
            )
        converter = Converter(workspace, pipeline, origins, order.mapped, session.clock.now())
        ready = _converted(converter, table, lambda item_id: state.item(item_id) is not None)
    first = pipeline.stages[0].id
    counts = Counter(one.stage or first for one in ready)
    done = Imported(
        pipeline.id, len(ready), order.dry_run, {one.id: counts[one.id] for one in pipeline.stages if counts[one.id]}
    )
    done.not_taken = not_taken(origins, table.columns)
    if not order.dry_run:
        work = _Work(order, ready, done, progress)
        session.decide(work.deed, permission=ITEMS_UPDATE, pipeline_of=work.pipeline_of, action="import")
    return done


def read_input(file: Path) -> tuple[str, bytes]:
    """The name and the bytes of the file; `-` is what comes on stdin. Raises UsageError."""
    if str(file) == "-":
        return "stdin", sys.stdin.buffer.read()
    try:
        return file.name, file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None


def mapping_file(file: Path) -> Mapped:
    """What a mapping file says. Raises UsageError."""
    try:
        return read_mapping(str(file), file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is no UTF-8 text", "save it as UTF-8") from None


def _pipeline(workspace: Workspace, name: str) -> Pipeline:
    found = workspace.pipelines.get(name)
    if found is None:
        raise UsageError(f"there is no pipeline `{name}`", suggest(name, workspace.pipelines))
    return found


def _converted(converter: Converter, table: Table, known: Callable[[str], bool]) -> list[Ready]:
    faults = table.faults
    lines: dict[str, int] = {}
    found = []
    for row in table.rows:
        ready = converter.row(row, faults)
        if ready is None:
            continue
        if ready.item_id is not None:
            if ready.item_id in lines:
                faults.add(row.line, "id", f"`{ready.item_id}` stands on line {lines[ready.item_id]} already")
            elif known(ready.item_id):
                hint = "was the file imported before?"
                faults.add(row.line, "id", f"there is an item `{ready.item_id}` already", hint)
            lines.setdefault(ready.item_id, row.line)
        found.append(ready)
    faults.stop()
    return found


@dataclass(slots=True)
class _Work:
    """The one transaction: places every item."""

    order: Order
    ready: Sequence[Ready]
    done: Imported
    progress: Progress
    companies: dict[str, str] = field(default_factory=dict)  # folded name -> id

    def pipeline_of(self, state: SqliteReader) -> str:
        """Asked inside the transaction: the companies that are there by then are not made again."""
        for company in state.companies():
            self.companies.setdefault(company.name.casefold(), company.id)
        return self.order.pipeline

    def deed(self, draft: Draft, by: By) -> None:
        for number, one in enumerate(self.ready, start=1):
            self._one(draft, by, one)
            if number % 200 == 0 or number == len(self.ready):
                draft.flush()  # bounds what one transaction holds in memory before it is written
                self.progress(number, len(self.ready))

    def _one(self, draft: Draft, by: By, one: Ready) -> None:
        if one.item_id is not None and draft.item(one.item_id) is not None:
            raise UsageError(f"there is an item `{one.item_id}` already", "import the file again")
        contacts = self._contact(draft, one.contact)
        company = self._company(draft, one.company)
        item = place(draft, by, one, self.order, contacts=contacts, company=company)
        self.done.rules += len(item.runs)

    def _contact(self, draft: Draft, values: Mapping[str, Any]) -> list[str]:
        if not values:
            return []
        contact = commands.find_or_make_contact(draft, values)
        return [contact.id]

    def _company(self, draft: Draft, values: Mapping[str, Any]) -> str | None:
        name = str(values.get("name") or "").strip()
        if not name:
            return None
        known = self.companies.get(name.casefold())
        if known is None:
            company = new_company(draft)
            change_company(company, values)
            draft.put_company(company)
            known = self.companies[name.casefold()] = company.id
            self.done.companies += 1
        return known


def place(draft: Draft, by: By, one: Ready, order: Order, *, contacts: list[str], company: str | None) -> Item:
    """Puts one item where its row says, and records it in the journal and in its timeline."""
    pipeline = draft.workspace.pipelines[order.pipeline]
    stage = pipeline.stage_by_id[one.stage] if one.stage else pipeline.stages[0]
    origin = {"imported": f"{order.name}:{one.line}"}
    quiet = not order.start_rules
    item = new_item(
        draft, pipeline, stage, one.values, by.at, author=by.author, source=str(one.values.get("source") or "import"),
        contacts=contacts, company=company, item_id=one.item_id, why=origin, silent=quiet, enter=not quiet,
    )  # fmt: skip
    if quiet:
        since = one.entered_at if one.entered_at is not None else by.at
        what = {"pipeline": pipeline.id, "stage": stage.id, "title": item.title, "since": since, **origin}
        draft.record(by.at, "created", item.id, by.author, what)
    item.created_at = one.created_at if one.created_at is not None else by.at
    item.stage_entered_at = one.entered_at if one.entered_at is not None else by.at
    triggers.settle(draft)
    data: dict[str, Any] = {
        "pipeline": pipeline.id, "stage": stage.id, "values": dict(one.values), "contacts": contacts,
        "company": company, "created_at": item.created_at,
        "stage_entered_at": item.stage_entered_at, "rules": order.start_rules,
    }  # fmt: skip
    draft.put_journal(
        Journal(
            id=f"{by.id}.{one.line}", type="command.import", at=by.at, source=order.name, author=by.author,
            item=item.id, contact=None, data=data, outcome="created", items=[item.id],
        )
    )  # fmt: skip
    return item
