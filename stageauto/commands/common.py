"""What all commands share: the global options (before or after the name), opening the workspace, the output."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from stageauto.commands.complete import attach
from stageauto.errors import FINDINGS, UsageError
from stageauto.report.output import Output

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.runner.session import Session

_GLOBALS = "stageauto.globals"
_NAMES = frozenset({"workspace", "as_user", "json", "quiet", "no_color", "help"})


@dataclass(slots=True)
class Globals:
    """The options that every command has."""

    workspace: str | None = None
    as_user: str | None = None
    json: bool = False
    quiet: bool = False
    no_color: bool = False


def settings(ctx: typer.Context) -> Globals:
    """The global options of this call, wherever they stood."""
    found = ctx.meta.setdefault(_GLOBALS, Globals())
    assert isinstance(found, Globals)
    return found


def _keep(ctx: Any, param: Any, value: Any) -> Any:
    if value:
        setattr(settings(ctx), param.name, value)
    return value


def _option(*names: str, text: str, metavar: str | None = None) -> TyperOption:
    flag = metavar is None
    return TyperOption(
        param_decls=list(names), type=bool if flag else str, is_flag=flag or None, default=False if flag else None,
        metavar=metavar, help=text, expose_value=False, callback=_keep, show_default=False,
    )  # fmt: skip


def _global_options() -> list[TyperOption]:
    return [
        _option("workspace", "-C", "--workspace", metavar="DIR", text="The workspace [env: STAGEAUTO_WORKSPACE]"),
        _option("as_user", "--as", metavar="USER", text="Act as this user"),
        _option("json", "--json", text="One JSON document on stdout, nothing else"),
        _option("quiet", "--quiet", text="No progress, no confirmations"),
        _option("no_color", "--no-color", text="No colours [env: NO_COLOR]"),
    ]


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    """Arguments, the command's own options, and those that every command has in a section of their own."""
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Global options": []}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None:
            name = "Arguments" if param.param_type_name == "argument" else "Options"
            sections["Global options" if param.name in _NAMES else name].append(record)
    for title, records in sections.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def _write_example(command: Any, formatter: Any) -> None:
    """What stands below the help on a line of its own, never broken: people copy it."""
    if command.epilog:
        formatter.write_paragraph()
        formatter.write(f"  {command.epilog}\n")


def _plain_pieces(pieces: list[str]) -> list[str]:
    """The arguments of the usage line as everybody writes them: ITEM for one that has to be there, no {ITEM}."""
    return [one[1:-1] if one.startswith("{") and "|" not in one else one for one in pieces]


class Command(TyperCommand):
    """A command that also takes the global options."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        attach(self.params)
        self.params += _global_options()

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return _plain_pieces(super().collect_usage_pieces(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_example(self, formatter)


class Group(TyperGroup):
    """A group of commands that also takes the global options."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params += _global_options()

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_example(self, formatter)


def add(app: typer.Typer, name: str, function: Callable[..., None], example: str, **options: Any) -> None:
    """Makes the function a command of the app; its docstring is the help, the example stands below it."""
    app.command(name, cls=Command, epilog=f"Example: {example}", **options)(function)


def group(
    app: typer.Typer, name: str, function: Callable[..., None] | None, example: str, *, text: str = ""
) -> typer.Typer:
    """Commands under a common word (`feed comment`).

    The function runs where none of them is named; with None their help is shown then, under `text`.
    """
    made = typer.Typer(cls=Group, rich_markup_mode=None)
    epilog = f"Example: {example}"
    if function is None:
        app.add_typer(made, name=name, help=text, no_args_is_help=True, epilog=epilog)
    else:
        app.add_typer(made, name=name, callback=function, invoke_without_command=True, epilog=epilog)
    return made


# -- what a command works with ----------------------------------------------------------------------------------------


def output(ctx: typer.Context) -> Output:
    """Where the command's results and notes go."""
    given = settings(ctx)
    return Output(json=given.json, quiet=given.quiet, color=None if not given.no_color else False)


def root(ctx: typer.Context) -> Path:
    """The workspace's folder: `-C`, else STAGEAUTO_WORKSPACE, else the nearest one upward. Raises UsageError."""
    from stageauto.loader.files import find_workspace

    named = settings(ctx).workspace or os.environ.get("STAGEAUTO_WORKSPACE")
    try:
        return find_workspace(Path(named) if named else Path.cwd())
    except FileNotFoundError:
        raise UsageError("the folder in which you are is gone", "go to another one with cd") from None


@contextmanager
def opened(ctx: typer.Context, *, create: bool = False) -> Iterator[Session]:
    """The workspace with its state, for one command. Raises UsageError, StateError."""
    from stageauto.runner.session import Session

    with Session.open(root(ctx), as_user=settings(ctx).as_user, create=create) as session:
        yield session


@contextmanager
def diagnosed(out: Output) -> Iterator[None]:
    """Within it, files that do not validate end the command as `validate` would: with all their diagnostics."""
    from stageauto.runner.session import InvalidWorkspaceError

    try:
        yield
    except InvalidWorkspaceError as error:
        from stageauto.report import findings

        findings.refuse(out, list(error.loaded.diagnostics))
        raise typer.Exit(FINDINGS) from None


def valid_files(ctx: typer.Context) -> Workspace:
    """The workspace as its files say; ends the command with all diagnostics where they do not validate."""
    from stageauto.runner.checking import valid_workspace

    with diagnosed(output(ctx)):
        return valid_workspace(root(ctx))
