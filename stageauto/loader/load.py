"""Text in, model out: reads a whole workspace and gives back everything that is wrong with it at once."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from stageauto import registry
from stageauto.engine.model import Workspace
from stageauto.engine.templates import Templates
from stageauto.errors import StageautoError
from stageauto.loader.channels import check_audiences, check_uses, files_for_audiences, read_channels
from stageauto.loader.diagnostics import ERROR, Diagnostic, shown, suggest
from stageauto.loader.environment import Environment
from stageauto.loader.pipelines import PipelineFile, build_pipeline, read_outlines
from stageauto.loader.secret import read_dotenv, redact
from stageauto.loader.source import Report, Source, Spot
from stageauto.loader.workspace import FILE, Settings, SettingsReader, check_roles
from stageauto.loader.world import World

if TYPE_CHECKING:
    from stageauto.loader.scenario import Scenario

TEMPLATES = "templates/"
_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of the files: the workspace is None when there is an error outside its scenarios.

    `secrets` are values to redact.
    """

    workspace: Workspace | None
    diagnostics: tuple[Diagnostic, ...]
    scenarios: tuple[Scenario, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def ok(self) -> bool:
        """True when nothing is an error."""
        return self.workspace is not None and all(one.severity != ERROR for one in self.diagnostics)


def secret_values(loaded: Loaded) -> frozenset[str]:
    """The values from the environment, for sinks to redact."""
    return loaded.secrets


def load(  # noqa: PLR0913 - all that loading depends on, each by its name
    files: Mapping[str, str],
    *,
    env: Mapping[str, str],
    now: int,
    dotenv: str | None = None,
    scenarios: Mapping[str, str] | None = None,
    files_present: Callable[[str], bool] | None = None,
    lint: Mapping[str, str] | None = None,
) -> Loaded:
    """The workspace of these files (relative path -> text), its scenarios, and every diagnostic, sorted.

    `now` (ms UTC) is from when calendars must have open time; `files_present` says of a relative path whether there is
    such a file (attachments); with `lint`, the files of the active version ({} where there is none), the findings of
    the lint are among the diagnostics where nothing is an error. Never raises for bad input.
    """
    with _without_collection():
        return _load(files, env, now, dotenv, scenarios or {}, files_present, lint)


@contextmanager
def _without_collection() -> Iterator[None]:
    # Loading makes many objects that stay; looking through them again and again takes as long as making them.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _load(  # noqa: PLR0913, PLR0917 - as `load`
    files: Mapping[str, str],
    env: Mapping[str, str],
    now: int,
    dotenv: str | None,
    scenarios: Mapping[str, str],
    files_present: Callable[[str], bool] | None,
    lint: Mapping[str, str] | None,
) -> Loaded:
    report = Report()
    environment = Environment({**(read_dotenv(dotenv) if dotenv else {}), **env})
    workspace, world = _workspace(files, report, environment, now, files_present)
    failed = any(one.severity == ERROR for one in report.ordered())  # a broken scenario breaks itself only
    read = _scenarios(world, scenarios, report)
    _lint(report, workspace, now, lint)
    diagnostics = _redacted(report.ordered(), environment.used)
    return Loaded(None if failed else workspace, diagnostics, read, frozenset(environment.hidden))


def _workspace(
    files: Mapping[str, str],
    report: Report,
    environment: Environment,
    now: int,
    files_present: Callable[[str], bool] | None,
) -> tuple[Workspace | None, World | None]:
    if FILE not in files:
        report.file(FILE, "missing-file", "there is no stageauto.yaml", hint="run `stageauto init`")
        return None, None
    main = Source(FILE, files[FILE])
    report.faults(main)
    calendar_files = {name: text for name, text in files.items() if name.endswith(".ics")}
    settings = SettingsReader(report, main, environment, calendar_files, now, files_present).read()
    world = _world(files, report, main, settings, environment, files_present)
    outlines = read_outlines(world, report, _pipeline_sources(files, report))
    check_roles(report, main, settings.roles, world.pipelines)
    pipelines = {file.outline.id: build_pipeline(world, file) for file in outlines}
    _check_whole(report, world, outlines)
    workspace = Workspace(
        timezone=settings.timezone,
        zone=settings.zone,
        templates=world.templates,
        calendars=MappingProxyType(settings.calendars),
        users=MappingProxyType(settings.users),
        roles=MappingProxyType(settings.roles),
        channels=world.channels,
        resources=MappingProxyType(settings.resources),
        audiences=MappingProxyType(settings.audiences),
        forms=MappingProxyType(settings.forms),
        hooks=MappingProxyType(settings.hooks),
        limits=settings.limits,
        allow_private=settings.allow_private,
        plugins=settings.plugins,
        vars=settings.vars,
        pipelines=MappingProxyType(pipelines),
        events=world.events,
        state=settings.state,
        base_url=settings.base_url,
        web=settings.web,
        signing=settings.signing,
    )
    return workspace, world


def _pipeline_sources(files: Mapping[str, str], report: Report) -> list[Source]:
    sources = []
    for name in sorted(files):
        if name.startswith("pipelines/") and name.endswith(_ENDINGS):
            source = Source(name, files[name])
            report.faults(source)
            if source.root is not None or not source.faults:
                sources.append(source)
    return sources


def _world(
    files: Mapping[str, str],
    report: Report,
    main: Source,
    settings: Settings,
    environment: Environment,
    files_present: Callable[[str], bool] | None,
) -> World:
    template_files = {name[len(TEMPLATES) :]: text for name, text in files.items() if name.startswith(TEMPLATES)}
    templates = Templates(zone=settings.zone, sources=template_files, working=settings.calendars.get("working"))
    world = World(
        zone=settings.zone,
        templates=templates,
        template_files=MappingProxyType(template_files),
        files_present=files_present,
        calendars=settings.calendars,
        calendar_names=settings.names.get("calendars", frozenset()),
        users=settings.users,
        roles=settings.roles,
        channel_names=settings.names.get("channels", frozenset()),
        resources=settings.resources,
        audiences=settings.audiences,
        forms=settings.forms,
        hooks=settings.hooks,
        vars=settings.vars,
        limits=settings.limits,
        base_url=settings.base_url,
    )
    plugins = _plugins(report, main, settings)
    try:
        world.actions, world.events = registry.actions(plugins), registry.events(plugins)
        kinds = registry.channels(plugins)
    except StageautoError as error:
        Spot(report, main, ("plugins",)).fault("bad-plugin", error.message, hint=error.hint)
        world.actions, world.events = registry.actions(), registry.events()
        kinds = registry.channels()
    channels = files_for_audiences(settings.audiences)
    if settings.channels_raw is not None:
        channels |= read_channels(Spot(report, main, ("channels",)), settings.channels_raw, kinds, environment)
    world.channels = MappingProxyType(channels)
    world.channel_takes = {one.type: tuple(kinds[one.type].kinds) for one in channels.values()}
    check_uses(Spot(report, main), settings.users, world.channels, world.channel_takes)
    check_audiences(Spot(report, main, ("audiences",)), settings.audiences, world.channels, kinds)
    _check_hooks(Spot(report, main, ("hooks",)), world)
    return world


def _check_hooks(spot: Spot, world: World) -> None:
    """The events that hooks name: known ones, and none that only stageauto itself can tell."""
    for name, said in world.hooks.items():
        event = said.get("event")
        if event is None:
            continue
        kind, at = world.events.get(str(event)), (name, "event")
        if kind is not None and kind.engine:
            spot.fault("bad-event", f"`{event}` is made by stageauto itself", at, hint="name an event from outside")
        elif kind is None and not world.known("event", str(event), None):
            message = f"there is no event {shown(str(event))}"
            spot.fault("unknown-event", message, at, hint=suggest(str(event), world.events))


def _plugins(report: Report, main: Source, settings: Settings) -> tuple[str, ...]:
    if not settings.plugins:
        return ()
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for index, name in enumerate(settings.plugins):
        try:
            version(name)
        except (PackageNotFoundError, ValueError):
            message = f"the plugin `{name}` is not installed"
            Spot(report, main, ("plugins", index)).fault(
                "unknown-plugin", message, hint="install its package, or leave it out"
            )
        else:
            found.append(name)
    return tuple(found)


def _check_whole(report: Report, world: World, outlines: list[PipelineFile]) -> None:
    """What only the whole workspace shows."""
    broken = any(one.severity == "error" and one.file.startswith("pipelines/") for one in report.found)
    if not outlines and not world.pipelines and not broken:
        report.file(
            "pipelines", "no-pipeline", "there is no pipeline yet", hint="add pipelines/NAME.yaml", severity="info"
        )


def _scenarios(world: World | None, files: Mapping[str, str], report: Report) -> tuple[Scenario, ...]:
    if not files:
        return ()
    from stageauto.loader.scenarios import read_scenario

    found = []
    for name in sorted(files):
        source = Source(name, files[name])
        report.faults(source)
        if world is not None and (source.root is not None or not source.faults):
            scenario = read_scenario(world, report, source)
            if scenario is not None:
                found.append(scenario)
    return tuple(found)


def _lint(report: Report, workspace: Workspace | None, now: int, before: Mapping[str, str] | None) -> None:
    """Adds what the lint finds, if it shall; takes out what comments in the files ignore."""
    linted = before is not None and workspace is not None
    linted = linted and all(one.severity != ERROR for one in report.found)
    if linted and workspace is not None and before is not None:
        from stageauto.loader.lint.run import lint
        from stageauto.loader.lint.view import View

        lint(report, View(workspace, report.sources, now, before))
    if report.found or linted:
        from stageauto.loader.lint.ignores import without_ignored

        report.found = without_ignored(report.found, report.sources.values(), told=linted)


def _redacted(diagnostics: tuple[Diagnostic, ...], secrets: set[str]) -> tuple[Diagnostic, ...]:
    if not secrets:
        return diagnostics
    return tuple(
        dataclasses.replace(
            one,
            message=redact(one.message, secrets),
            hint=redact(one.hint, secrets),
            expected=redact(one.expected, secrets),
            found=redact(one.found, secrets),
            source_line=redact(one.source_line, secrets, keep_width=True),
        )
        for one in diagnostics
    )
