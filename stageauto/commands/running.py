"""Running: the daemon, scenarios as tests, and simulations."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stageauto.commands.common import add, diagnosed, opened, output, root
from stageauto.commands.values import assignments, scalar
from stageauto.errors import FINDINGS, UsageError

if TYPE_CHECKING:
    from stageauto.engine.state import Contact, Item
    from stageauto.loader.load import Loaded
    from stageauto.report.output import Output
    from stageauto.report.running import Log
    from stageauto.runner.service import Service
    from stageauto.runner.session import Session
    from stageauto.runner.simulate import Simulation
    from stageauto.web.server import Listener

    Files = tuple[Mapping[str, str], Loaded]

STATUS_EVERY = 0.5


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "run", run, "stageauto run")
    add(app, "simulate", simulate, "stageauto simulate --item deal-17 --event email.received --for 14d")
    add(app, "test", test, "stageauto test -k quote --junit report.xml")


# -- run -------------------------------------------------------------------------------------------------------------


def run(
    ctx: typer.Context,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is due any more")] = False,
    for_: Annotated[str | None, typer.Option("--for", metavar="SPAN", help="End after that long, such as 10m")] = None,
    grace: Annotated[str, typer.Option(metavar="SPAN", help="How long what is being sent may take at the end")] = "10s",
    catch_up: Annotated[bool, typer.Option("--catch-up", help="Send what was held after a downtime")] = False,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Take requests by HTTP: hooks, forms, links")
    ] = None,
    log_format: Annotated[str, typer.Option("--log-format", metavar="text|json", help="How the log looks")] = "text",
) -> None:
    """Run the workspace: decide what is due, send what was decided. Files are loaded first if nothing is loaded yet."""
    from stageauto.report.running import Log
    from stageauto.runner.facts import read_facts
    from stageauto.runner.service import Options, Service

    if log_format not in ("text", "json"):
        raise UsageError(f"there is no log format `{log_format}`", "text or json")
    out = output(ctx)
    options = Options(until_idle, _span(for_) if for_ else None, _span(grace), catch_up, follow=True)
    with diagnosed(out):
        first = _checked_first(root(ctx))  # before there is a state: files that do not load make none
    with opened(ctx, create=True) as session:
        with diagnosed(out):
            _load_first(session, first)
        with session.store.read() as state:
            session.actor(state)  # a name that nobody has is wrong here as anywhere
            zone = read_facts(state).zone
        log = Log(out, zone, json=log_format == "json" or out.json)

        def tell(kind: str, data: dict[str, Any]) -> None:
            log.hear(session.clock.now(), kind, data)

        service = Service(session, options, tell)
        with _listening(listen, service, session, tell):
            _serve(service, log)
    if until_idle and service.counts.failed:
        raise typer.Exit(FINDINGS)


@contextmanager
def _listening(
    listen: str | None, service: Service, session: Session, tell: Callable[[str, Any], None]
) -> Iterator[None]:
    """Takes requests by HTTP while the daemon runs. Raises UsageError, StateError where it cannot listen there."""
    if listen is None:
        yield
        return
    listener = _listener(listen, service, session, tell)
    listener.start()
    tell("listening", {"port": listener.port, "at": listener.host, **_elsewhere(session, listener.port)})
    try:
        yield
    finally:
        listener.stop()


def _elsewhere(session: Session, port: int) -> dict[str, str]:
    """Where links lead, if that is another port of this machine: whoever tries it out follows them in vain."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    with session.store.read() as state:
        base_url = session.workspace(state).base_url
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    return {"base_url": base_url} if here and (parts.port or 80) != port else {}


def _listener(listen: str, service: Service, session: Session, tell: Callable[[str, Any], None]) -> Listener:
    try:
        from stageauto.web.groups import all_routes
        from stageauto.web.server import Listener, address_of, bind
        from stageauto.web.site import Site

        routes = all_routes()
        site = Site(service, session.root, session.clock, tell)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("stageauto"):
            raise
        raise UsageError("--listen needs more packages", "pip install 'stageauto[web]'") from None
    return Listener(site, bind(*address_of(listen)), routes)


def _span(text: str) -> int:
    from stageauto.engine.durations import parse_duration

    span = parse_duration(text)
    if span.months or span.working_days or span.working_ms:
        raise UsageError(f"`{text}` is not a plain span", "write 30s, 10m or 2h")
    return span.days * 86_400_000 + span.ms


def _checked_first(folder: Path) -> Files | None:
    """The files to load where there is no state yet. Raises InvalidWorkspaceError."""
    from stageauto.loader.files import read_files
    from stageauto.runner.clock import SystemClock
    from stageauto.runner.session import InvalidWorkspaceError, has_state, load_files

    if has_state(folder):
        return None
    files = read_files(folder)
    loaded = load_files(folder, files, SystemClock().now())
    if loaded.workspace is None:
        raise InvalidWorkspaceError(loaded)
    return files, loaded


def _load_first(session: Session, first: Files | None) -> None:
    """Loads the files where nothing is loaded yet. Raises InvalidWorkspaceError."""
    from stageauto.loader.files import read_files
    from stageauto.runner.versions import load

    with session.store.read() as state:
        if state.active_number():
            return
    files, loaded = first or (read_files(session.root), None)
    load(session, files, note="loaded by run", loaded=loaded)


def _serve(service: Service, log: Log) -> None:
    """Runs the service until it ends by itself, by SIGINT or SIGTERM, or its terminal is closed; a second one ends it.

    Under nohup, which ignores that the terminal is closed, it goes on.
    """
    over = threading.Event()

    def stop(_number: int, _frame: Any) -> None:
        if over.is_set():
            raise KeyboardInterrupt
        over.set()
        service.stop()

    def show_status() -> None:
        while not over.wait(STATUS_EVERY):
            counts = service.counts
            done = f"{counts.decided} decided  {counts.sent} sent  {counts.failed} not sent"
            log.status(f"running  {done}  Ctrl-C ends it")

    ends = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        ends.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in ends}
    threading.Thread(target=show_status, name="status", daemon=True).start()
    try:
        service.run()
    finally:
        over.set()
        log.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


# -- simulate --------------------------------------------------------------------------------------------------------


def simulate(
    ctx: typer.Context,
    scenario: Annotated[str | None, typer.Argument(metavar="[SCENARIO]", help="A scenario's file")] = None,
    item: Annotated[str | None, typer.Option("--item", metavar="ID", help="The item the event is about")] = None,
    event: Annotated[str | None, typer.Option("--event", metavar="EVENT", help="An event that comes now")] = None,
    data: Annotated[list[str] | None, typer.Option("--data", metavar="NAME=VALUE", help="The event's data")] = None,
    contact: Annotated[
        str | None, typer.Option("--contact", metavar="C", help="The contact the event comes from")
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="SPAN", help="How far to look ahead: 14d, with --load 90d")
    ] = None,
    load: Annotated[int | None, typer.Option("--load", metavar="N", help="So many made-up items instead")] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", metavar="FILE", help="--load: what they do, in YAML")
    ] = None,
    like: Annotated[
        str | None, typer.Option("--like", metavar="history", help="--load: they do what was recorded")
    ] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", metavar="P", help="--load: which pipeline")] = None,
    since: Annotated[str, typer.Option("--since", metavar="SPAN", help="--like: how far back")] = "90d",
    seed: Annotated[str, typer.Option("--seed", metavar="TEXT", help="--load: another seed, other chance")] = "1",
) -> None:
    """Dry run: a scenario as a timeline, or what would happen to live items from now on. Nothing is sent or changed.

    With --load: what so many made-up items would make of a pipeline: messages a day, and where items pile up.
    """
    if load is not None:
        from stageauto.commands.foretelling import load_test

        load_test(ctx, load, profile, like, pipeline, since, for_ or "90d", seed)
        return
    if scenario is not None:
        _simulate_scenario(ctx, scenario)
        return
    from stageauto.engine.durations import parse_duration
    from stageauto.engine.model import AUTOMATION_READ, Event
    from stageauto.engine.schedule import shift
    from stageauto.runner.simulate import Simulation

    if item is not None and event is None:
        raise UsageError("--item goes with --event", "say which event comes: --event email.received")
    with opened(ctx) as session:
        with session.read(AUTOMATION_READ) as state:
            workspace = session.workspace(state)
            item_id = session.item_id(state, item) if item else None
            known = len(state.timeline(limit=1)) and state.timeline()[-1].seq
        with session.store.copy_to_memory() as copy:
            now = session.clock.now()
            with Simulation(workspace, now, store=copy) as simulation:
                simulation.settle()
                if event is not None:
                    _check_event(workspace.events, event)
                    values = assignments(data, scalar)
                    simulation.take(Event("simulated", event, now, "simulate", item_id, contact, values))
                simulation.advance(shift(now, parse_duration(for_ or "14d"), workspace.zone, workspace.working))
                _show(output(ctx), simulation, known, now)


def _check_event(events: Any, name: str) -> None:
    from stageauto.loader.diagnostics import suggest

    if name not in events and not name.startswith("app."):
        raise UsageError(f"there is no event `{name}`", suggest(name, events) or "see `stageauto events`")


def _simulate_scenario(ctx: typer.Context, name: str) -> None:
    from stageauto.commands.testing import show_invalid
    from stageauto.report.running import result_lines
    from stageauto.runner.clock import SystemClock
    from stageauto.runner.scenario import run_scenario
    from stageauto.runner.testing import read_suite

    out = output(ctx)
    suite = read_suite(root(ctx), [name], None, SystemClock().now())
    workspace = suite.loaded.workspace
    if workspace is None or suite.broken:
        show_invalid(out, suite.loaded)
        raise typer.Exit(FINDINGS)
    assert workspace is not None
    failed = False
    for one in suite.scenarios:
        result = run_scenario(workspace, one, watch=lambda simulation: _show(out, simulation, 0, 0))
        if result.failures:
            failed = True
            for line in result_lines(result, workspace.zone, color=out.colored()):
                out.hint(line)
    if failed:
        raise typer.Exit(FINDINGS)


def _show(out: Output, simulation: Simulation, after_seq: int, since: int) -> None:
    from stageauto.report import running, shapes
    from stageauto.runner.facts import facts_of
    from stageauto.runner.look import ItemView
    from stageauto.runner.testing import observed

    seen = observed(simulation, after_seq)
    seen["sent"] = [one for one in seen["sent"] if one["at"] >= since]  # type: ignore[attr-defined]
    facts = facts_of(simulation.workspace)

    def data() -> dict[str, Any]:
        timeline = [shapes.entry(one, facts) for one in seen["timeline"]]  # type: ignore[attr-defined]
        items = [shapes.item(ItemView(one, _first_contact(simulation, one))) for one in seen["items"]]  # type: ignore[attr-defined]
        return running.simulated_data(seen, timeline, items)

    out.show(data, lambda: running.simulated_lines(seen, simulation.workspace.zone))


def _first_contact(simulation: Simulation, item: Item) -> Contact | None:
    return simulation.state.contact(item.contacts[0]) if item.contacts else None


# -- test ------------------------------------------------------------------------------------------------------------


def test(
    ctx: typer.Context,
    scenarios: Annotated[list[str] | None, typer.Argument(metavar="[SCENARIOS]...", help="Files or folders")] = None,
    word: Annotated[
        str | None, typer.Option("-k", metavar="WORD", help="Only those with this word in name or file")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML")] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Say which stages, rules, triggers, conditions no scenario reached")
    ] = False,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", metavar="N", min=0, max=100, help="Fail when less than N percent are reached"),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run again what changes, until Ctrl-C")] = False,
) -> None:
    """Run scenarios as tests on a virtual clock. Nothing outside is touched."""
    from stageauto.commands.testing import Order, run_tests, watch_tests

    order = Order(root(ctx), scenarios or [], word, junit, coverage or fail_under is not None, fail_under or 0.0)
    out = output(ctx)
    raise typer.Exit(watch_tests(out, order) if watch else run_tests(out, order))
