"""A workspace with the workload in a folder, and the real daemon on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.workload import DAY, files, fill
from stageauto.runner.clock import SystemClock
from stageauto.runner.service import Options, Service
from stageauto.runner.session import Session, load_files, save_rights

FAR = 3_650 * DAY


def prepare(folder: Path, items: int) -> None:
    """A workspace with a loaded version and that many items, none of whose rules is due for years."""
    texts = files()
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    now = SystemClock().now()
    loaded = load_files(folder, texts, now)
    assert loaded.workspace is not None
    with Session.open(folder, create=True) as session:
        with session.store.transaction() as state:
            state.set_active(state.add_version(texts, "bench", now))
            save_rights(state, loaded.workspace)
        # They enter in years to come, so that nothing but the events of the run has to be done.
        fill(session.store, loaded.workspace, items, now + FAR, "2099-06-01")


@contextmanager
def daemon(folder: Path, items: int) -> Iterator[Service]:
    """The daemon of such a workspace, not started yet."""
    prepare(folder, items)
    with Session.open(folder) as session:
        yield Service(session, Options(), lambda *_: None)
