"""Executes scenarios: tests on a virtual clock, with a state in memory; nothing outside is touched (LANGUAGE 7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stageauto.engine import commands, people, visits
from stageauto.engine.addresses import normal
from stageauto.engine.changing import new_item
from stageauto.engine.commands import By
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event, Place, Workspace
from stageauto.engine.scalars import as_data
from stageauto.engine.schedule import parse_local, shift
from stageauto.engine.state import Entry, Exemption, Item, Journal
from stageauto.engine.triggers import DUPLICATE
from stageauto.errors import StageautoError, UsageError
from stageauto.loader import scenario as sc
from stageauto.runner.expect import Checker, around
from stageauto.runner.observe import happened
from stageauto.runner.simulate import Failure, Simulation

PASSED, FAILED, ERROR = "passed", "failed", "error"


@dataclass(frozen=True, slots=True)
class Missed:
    """One thing that was not as expected, with the item's history around it."""

    place: Place
    step: int
    at: int
    message: str
    expected: str = ""
    found: tuple[str, ...] = ()
    timeline: tuple[Entry, ...] = ()


@dataclass(slots=True)
class Result:
    """How a scenario went. `at` is where its clock stood at the end, ms UTC; `took`: how long it really ran, ms."""

    scenario: str
    file: str
    outcome: str = PASSED
    failures: list[Missed] = field(default_factory=list)
    at: int = 0
    took: int = 0


def run_scenario(
    workspace: Workspace, scenario: sc.Scenario, *, watch: Callable[[Simulation], None] | None = None
) -> Result:
    """Runs one scenario to its end or to the first step that fails. `watch` sees the simulation before it is gone."""
    result = Result(scenario.name, scenario.file)
    start = parse_local(scenario.start, workspace.zone)
    failures = [Failure(one.channel, one.times, one.error, one.permanent) for one in scenario.given.fail]
    with Simulation(workspace, start, failures=failures) as simulation:
        player = _Player(workspace, simulation, scenario, result)
        try:
            player.play()
        except StageautoError as error:
            result.outcome = ERROR
            result.failures.append(Missed(player.place, player.step, simulation.now, str(error)))
        result.at = simulation.now
        if watch is not None:
            simulation.flush()
            watch(simulation)
    return result


def same_contacts(given: sc.Given) -> dict[str, str]:
    """Contacts written inside an item, with no id of their own, that are an earlier one: they have an address of its.

    By id, the id of the earlier one. It is as with `add`: who has the address is found, not made again.
    """
    inside = {name for item in given.items for name in item.contacts if name.startswith(f"contact-{item.id}")}
    holders: dict[str, str] = {}
    same: dict[str, str] = {}
    for contact in given.contacts:
        addresses = [
            normal(one["value"]) for key in people.ADDRESS_LISTS for one in people.addresses(contact.values.get(key))
        ]
        earlier = next((holders[one] for one in addresses if one in holders), None)
        if earlier is not None and contact.id in inside:
            same[contact.id] = earlier
        for address in addresses:
            holders.setdefault(address, same.get(contact.id, contact.id))
    return same


class _Player:
    """Plays one scenario on a simulation."""

    def __init__(self, workspace: Workspace, simulation: Simulation, scenario: sc.Scenario, result: Result) -> None:
        self._workspace = workspace
        self._simulation = simulation
        self._scenario = scenario
        self._result = result
        self._given = [one.id for one in scenario.given.items]
        self._duplicates: list[Journal] = []
        self._same: dict[str, str] = {}
        self.step = 0
        self.place = Place(scenario.file, 1, 1)

    def play(self) -> None:
        """Gives what is given, then does the steps, until one fails."""
        self._simulation.do(self._give)
        last = self._simulation.now
        for number, step in enumerate(self._scenario.steps, 1):
            self.step, self.place = number, step.place
            last = self._when(step, last)
            self._simulation.advance(last)
            self._do(step.deed)
            if self._result.failures:
                self._result.outcome = FAILED
                return

    def _when(self, step: sc.Step, last: int) -> int:
        zone = self._workspace.zone
        if step.after is not None:
            return shift(last, step.after, zone, self._workspace.working)
        if step.at is None:
            return last
        at = parse_local(step.at, zone)
        if at < last:
            raise UsageError(f"the step's time {step.at} is before the step above it", "put the steps in order")
        return at

    # -- what is given -----------------------------------------------------------------------------------------------

    def _give(self, draft: Draft) -> None:
        now = self._simulation.now
        given = self._scenario.given
        for company_given in given.companies:
            company = people.new_company(draft, company_given.id)
            people.change_company(company, company_given.values)
            draft.put_company(company)
        self._same = same_contacts(given)
        for contact_given in given.contacts:
            if contact_given.id in self._same:
                continue
            contact = people.new_contact(draft, contact_given.id)
            people.change_contact(contact, {**contact_given.values, "company": contact_given.company})
            draft.put_contact(contact)
        for address in given.exceptions:
            draft.put_exemption(Exemption("email" if "@" in address else "phone", address, now, "scenario"))
        items = [self._make(draft, one, now) for one in given.items]
        for item in items:
            stage = draft.workspace.pipelines[item.pipeline].stage_by_id[item.stage]
            visits.enter(draft, item, stage, now, author="scenario", why={}, created=True, silent=True)

    def _make(self, draft: Draft, one: sc.GivenItem, now: int) -> Item:
        pipeline = draft.workspace.pipelines[one.pipeline]
        values: dict[str, Any] = {"title": one.title, "responsible": one.responsible, **one.fields}
        if one.tags:
            values["tags"] = list(one.tags)
        contacts = list(dict.fromkeys(self._same.get(name, name) for name in one.contacts))
        return new_item(
            draft, pipeline, pipeline.stage_by_id[one.stage], values, now, author="scenario", source=one.source,
            contacts=contacts, company=one.company, item_id=one.id, silent=True, enter=False,
        )  # fmt: skip

    # -- steps -------------------------------------------------------------------------------------------------------

    def _do(self, deed: sc.Deed) -> None:
        if isinstance(deed, sc.Expect):
            self._expect(deed)
        elif isinstance(deed, sc.Emit):
            self._emit(deed)
        else:
            self._command(deed)

    def _emit(self, deed: sc.Emit) -> None:
        clock = self._simulation.clock
        event = Event(
            id=deed.id or clock.new_id(), type=deed.event, at=clock.at, source="scenario", item=deed.item,
            contact=deed.contact, data=as_data(deed.data),
        )  # fmt: skip
        if deed.item is not None and self._simulation.draft.item(deed.item) is None:
            raise UsageError(f"there is no item `{deed.item}`")
        row = self._simulation.take(event)
        if row.outcome == DUPLICATE:
            self._duplicates.append(row)

    def _command(self, deed: sc.Move | sc.SetFields | sc.Delete | sc.Hold | sc.Resume) -> None:
        clock = self._simulation.clock
        by = By(clock.new_id(), clock.at, deed.user or "", "scenario")
        item = deed.item

        def act(draft: Draft) -> None:
            if isinstance(deed, sc.Move):
                commands.move(draft, by, item, deed.to, reason=deed.reason, restart=deed.restart)
            elif isinstance(deed, sc.SetFields):
                commands.set_fields(draft, by, item, deed.fields)
            elif isinstance(deed, sc.Delete):
                commands.delete(draft, by, item)
            elif isinstance(deed, sc.Hold):
                commands.hold_item(draft, by, item)
            else:
                commands.resume_item(draft, by, item)

        self._simulation.do(act)

    def _expect(self, deed: sc.Expect) -> None:
        self._simulation.flush()
        state = self._simulation.state
        misses = Checker(self._workspace, state, self._given, self._duplicates).check(deed)
        lines = happened(state.timeline()) if misses else []
        for miss in misses:
            place = miss.place if miss.place.line else self.place
            around_it = tuple(around(lines, miss.item))
            self._result.failures.append(
                Missed(place, self.step, self._simulation.now, miss.message, miss.expected, miss.found, around_it)
            )
