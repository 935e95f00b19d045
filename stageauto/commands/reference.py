"""Reference: the schemas of the files, and the kinds of actions, events and channels. None needs a state."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from stageauto.commands.common import add, group, output, root, settings, valid_files


class Kind(StrEnum):
    """A kind of file."""

    workspace = "workspace"
    pipeline = "pipeline"
    scenario = "scenario"
    profile = "profile"


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "schema", schema, "stageauto schema pipeline > pipeline.schema.json")
    add(app, "actions", actions, "stageauto actions --for lead")
    add(app, "events", events, "stageauto events email.received")
    made = group(app, "channels", channels, "stageauto channels test mail --to anna@acme.test")
    add(made, "test", channels_test, "stageauto channels test mail --to anna@acme.test")


def schema(
    ctx: typer.Context,
    kind: Annotated[
        Kind, typer.Argument(metavar="[workspace|pipeline|scenario|profile]", help="Of which file")
    ] = Kind.pipeline,
) -> None:
    """The JSON Schema of a file, for editors. Always JSON."""
    from stageauto.loader.schema import written

    output(ctx).line(written(kind.value).rstrip("\n"))


def actions(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[ACTION]", help="All about this one")] = None,
    entity: Annotated[
        str | None, typer.Option("--for", metavar="ENTITY", help="Only those for lead, deal, document, ...")
    ] = None,
) -> None:
    """What a rule can do: the words of `do:`, and what each takes."""
    from stageauto.report import kinds as report
    from stageauto.runner import reference

    found = reference.actions(entity, name, _plugins(ctx))
    output(ctx).show(
        lambda: [report.action_data(one) for one in found],
        lambda: report.action_page(found[0]) if name and found else [report.actions_table(found)],
    )


def events(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[EVENT]", help="All about this one")] = None,
    entity: Annotated[
        str | None, typer.Option("--for", metavar="ENTITY", help="Only those for lead, deal, document, ...")
    ] = None,
) -> None:
    """What can come in: the words of `event:`, and their data."""
    from stageauto.report import kinds as report
    from stageauto.runner import reference

    found = reference.events(name, entity, _plugins(ctx))
    output(ctx).show(
        lambda: [report.event_data(one) for one in found],
        lambda: report.event_page(found[0]) if name and found else [report.events_table(found)],
    )


def _plugins(ctx: typer.Context) -> tuple[str, ...]:
    """The packages whose kinds count here; anywhere but in a workspace only stageauto's own."""
    from stageauto.loader.files import WorkspaceNotFoundError
    from stageauto.runner.reference import enabled

    try:
        return enabled(root(ctx))
    except WorkspaceNotFoundError:
        return ()


def channels(
    ctx: typer.Context,
    types: Annotated[bool, typer.Option("--types", help="The types there are, instead of what is set up")] = False,
    one: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="All about this type", show_default=False)
    ] = None,
) -> None:
    """The ways to the outside, as stageauto.yaml sets them up."""
    if ctx.invoked_subcommand is not None:
        return
    from stageauto.report import kinds as report
    from stageauto.runner import probe, reference

    if types or one:
        known = reference.channel_types(one, _plugins(ctx))
        output(ctx).show(
            lambda: [report.type_data(each) for each in known],
            lambda: report.type_page(known[0]) if one else [report.types_table(known)],
        )
        return

    found = probe.channels(valid_files(ctx))
    output(ctx).show(lambda: [report.channel_data(one) for one in found], lambda: [report.channels_table(found)])


def channels_test(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The channel")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="Where to; default: whoever asks (webhook: a URL)")
    ] = None,
) -> None:
    """Sends a test message through a channel, at once and outside the outbox. Exit code 1 when it was not sent."""
    from stageauto.report import kinds as report
    from stageauto.runner import probe

    done = probe.probe(root(ctx), valid_files(ctx), name, to=to, as_user=settings(ctx).as_user)
    output(ctx).show(lambda: report.probe_data(done), lambda: [report.probe_text(done)])
    if not done.ok:
        raise typer.Exit(1)
