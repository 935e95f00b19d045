"""A bar for what takes a while: on stderr, and only where a person looks at it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stageauto.report.output import Output


def _nothing(_done: int, _all: int) -> None:
    """Nobody looks."""


@contextmanager
def progress(out: Output) -> Iterator[Callable[[int, int], None]]:
    """A function that is told how much is done of how much; the bar is gone at the end."""
    if out.quiet or not sys.stderr.isatty():
        yield _nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, no_color=not out.colored(sys.stderr))
    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, all_of_them: bar.update(task, completed=done, total=all_of_them)
