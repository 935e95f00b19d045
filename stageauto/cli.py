"""The command `stageauto`: finds the command that was meant, and ends with the exit code that CLI.md promises."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.main import get_command

from stageauto.commands import MODULES
from stageauto.commands.common import Group, output
from stageauto.errors import DEFECT, DONE, INTERRUPTED, StageautoError, UsageError
from stageauto.report.output import EnoughError, Output, UnwritableError, close_stdout, open_streams, writing

EXAMPLE = "stageauto items --stage quote --stuck 3d"

LINE = 61
"""Letters that the list of commands has room for at 80 columns."""
_WITH_VALUE = frozenset({"-C", "--workspace", "--as"})
_ANSWERED_FIRST = frozenset({"-h", "--help", "--version"})
_COMPLETING = "_STAGEAUTO_COMPLETE"


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        cls=Group, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )  # fmt: skip
    start = app.callback(cls=Group, no_args_is_help=True, invoke_without_command=True, epilog=f"Example: {EXAMPLE}")
    start(_start)
    for name in MODULES:
        import_module(f"stageauto.commands.{name}").register(app)
    return app


def _narrow(app: typer.Typer, given: Sequence[str]) -> typer.Typer:
    """The app with no more than the command that is named: to make all of them ready takes longer than many a command.

    Where none is named they are only listed; where the shell asks what there is, the app stays whole.
    """
    if _COMPLETING in os.environ:
        return app
    word = _first_word(given)
    commands = [one for one in app.registered_commands if one.name == word]
    groups = [one for one in app.registered_groups if one.name == word]
    if commands or groups:
        app.registered_commands, app.registered_groups = commands, groups
    else:
        _list_only(app)
    return app


def _list_only(app: typer.Typer) -> None:
    """Leaves of each command its name and what it does: enough for the list of them, and for "no such command"."""
    for command in app.registered_commands:
        command.cls, command.callback = None, _described(command.callback)
    for group in app.registered_groups:
        group.cls, group.callback = None, _described(group.callback)
        if group.typer_instance is not None:
            group.typer_instance.registered_commands = []


def _described(function: Callable[..., Any] | None) -> Callable[[], None] | None:
    """A function without parameters that has what a line has room for of the other one's docstring."""
    if function is None:
        return None

    def described() -> None:
        raise AssertionError

    described.__doc__ = _in_a_line(function.__doc__ or "")
    return described


def _in_a_line(text: str) -> str:
    """The first sentence; of one that is too long what stands before its last colon that has room, or else comma."""
    sentence = " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")
    if len(sentence) > LINE:
        room = sentence[: LINE + 1]
        pause = max(room.rfind(": "), room.rfind("; "))
        pause = pause if pause > 0 else room.rfind(", ")
        sentence = sentence[:pause] if pause > 0 else sentence
    return f"{sentence}."


def _first_word(given: Sequence[str]) -> str | None:
    """The command's name: the first word that is neither an option nor the value of a global one.

    None where there is none, or where the help of all is asked for before it.
    """
    words = iter(given)
    for word in words:
        if word in _ANSWERED_FIRST:
            return None
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def _start(ctx: typer.Context, *, version: bool = typer.Option(False, "--version", help="Show the version")) -> None:
    """Pipelines that move by themselves: items, stages and rules in plain files, run by one small daemon."""
    if version:
        from stageauto import __version__

        output(ctx).show(lambda: {"version": __version__}, lambda: [f"stageauto {__version__}"])
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 findings, 2 usage, 3 a defect, 4 state unusable, 5 not allowed, 130 interrupted."""
    open_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    out = Output(json="--json" in given, color=False if "--no-color" in given else None)
    try:
        code = _run(given, out)
        with writing():
            sys.stdout.flush()
    except EnoughError:
        close_stdout()
        return DONE
    except UnwritableError as error:
        close_stdout()
        out.error(error.message, error.hint, error.exit_code)
        return error.exit_code
    return code


def _run(given: list[str], out: Output) -> int:
    try:
        _check_text(given)
        result = get_command(_narrow(build(), given)).main(given, prog_name="stageauto", standalone_mode=False)
    except (EnoughError, UnwritableError):
        raise
    except StageautoError as error:
        out.error(error.message, error.hint, error.exit_code)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        out.note("interrupted")
        return INTERRUPTED
    except typer.TyperException as error:
        return _misused(error, given, out)
    except Exception as error:  # noqa: BLE001 - whatever else is raised is a mistake in here
        return _defect(error, given, out)
    return result if isinstance(result, int) else DONE


def _check_text(given: Sequence[str]) -> None:
    """Raises UsageError for an argument in another encoding than the terminal's: half letters can be kept nowhere."""
    for one in given:
        try:
            one.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(one).decode("utf-8", "backslashreplace")
            raise UsageError(f"`{shown}` is no text in UTF-8", "write it in the encoding of your terminal") from None


def _misused(error: Any, given: Sequence[str], out: Output) -> int:
    """An option or argument that is wrong, in the words of the parser."""
    ctx = getattr(error, "ctx", None)
    word = _first_word(given)
    named = word if word in {command.name for command in build().registered_commands} else ""
    if type(error).__name__ == "NoArgsIsHelpError":
        out.hint(error.format_message())
    else:
        path = ctx.command_path if ctx is not None else f"stageauto {named}".rstrip()
        out.error(error.format_message().rstrip("."), f"see `{path} --help`", error.exit_code)
    return int(error.exit_code)


def _defect(error: Exception, given: Sequence[str], out: Output) -> int:
    from stageauto.runner.defects import note_defect

    where = note_defect(error, given)
    hint = "please report it" + (f", with the file {where}" if where else "")
    out.error(f"this is a defect of stageauto: {type(error).__name__}", hint, DEFECT)
    return DEFECT
