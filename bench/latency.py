"""W4: from an event's arrival until the inner action that it sets off is on disk, at a steady rate."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from bench.daemon import prepare
from bench.figures import Figure, check, percentile
from bench.floor import Floor, floor
from bench.workload import item_name, store_in
from stageauto.runner.intake import Raw
from stageauto.runner.service import Options, Service
from stageauto.runner.session import Session

_DATA = {"kind": "order", "subject": "hello", "from": "ewa@home.test"}


class _Daemon:
    """The daemon on a thread of its own, as `stageauto run` has it, and its intake."""

    def __init__(self, folder: Path) -> None:
        self.service: Service
        self._folder = folder
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._work, name="daemon")

    def __enter__(self) -> Service:
        self._thread.start()
        self._started.wait()
        return self.service

    def __exit__(self, *_: object) -> None:
        self.service.stop()
        self._thread.join()

    def _work(self) -> None:
        with Session.open(self._folder) as session:
            self.service = Service(session, Options(), self._hear)
            self.service.run()

    def _hear(self, kind: str, _: object) -> None:
        if kind == "started":
            self._started.set()


def _steadily(send: Callable[[int], None], count: int, rate: int) -> list[float]:
    """Sends so many at that rate; gives when each was to be sent: a late sender is no excuse."""
    began = time.perf_counter() + 0.01
    planned = [began + number / rate for number in range(count)]
    for number, at in enumerate(planned):
        left = at - time.perf_counter()
        if left > 0:
            time.sleep(left)
        send(number)
    return planned


def _ours(folder: Path, items: int, order: list[int], rate: int) -> list[float]:
    prepare(folder, items)
    ended = [0.0] * len(order)
    with _Daemon(folder) as service:
        last: list[object] = []

        def send(number: int) -> None:
            raw = Raw("app.next", _DATA, id=f"evt-{number:09d}-abcdef", item=item_name(order[number]), source="bench")
            settled = service.intake.offer(raw)
            settled.add_done_callback(lambda _: ended.__setitem__(number, time.perf_counter()))
            last[:] = [settled]

        planned = _steadily(send, len(order), rate)
        last[0].result(60)  # type: ignore[attr-defined]
    with Session.open(folder) as session:
        run = session.store.connection.execute
        check("moves", run("SELECT count(*) FROM events WHERE outcome = 'moved'").fetchone()[0], len(order))
        check("comments", run("SELECT count(*) FROM lines WHERE kind = 'comment'").fetchone()[0], len(order))
    return [end - start for start, end in zip(planned, ended, strict=True)]


class _FloorDaemon:
    """A thread that takes whatever waits and writes it in one transaction: the same grouping, and nothing else."""

    def __init__(self, made: Floor, order: list[int], ended: list[float]) -> None:
        self._floor, self._order, self._ended = made, order, ended
        self._waiting: deque[int] = deque()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def send(self, number: int) -> None:
        self._waiting.append(number)
        self._wake.set()

    def join(self) -> None:
        self._thread.join()

    def _work(self) -> None:
        done = 0
        while done < len(self._order):
            self._wake.wait()
            self._wake.clear()
            some = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if some:
                self._floor.handle([self._order[number] for number in some], some[0])
                now = time.perf_counter()
                for number in some:
                    self._ended[number] = now
                done += len(some)


def _of_floor(folder: Path, items: int, order: list[int], rate: int) -> list[float]:
    folder.mkdir()
    ended = [0.0] * len(order)
    with store_in(folder, "FULL") as store, floor(folder, store, items, "FULL") as made:
        with made.at_work():
            writer = _FloorDaemon(made, order, ended)
            planned = _steadily(writer.send, len(order), rate)
            writer.join()
        check("moves of the floor", made.count("event"), len(order))
        check("actions of the floor", made.count("pending", "state = 'done'"), len(order))
    return [end - start for start, end in zip(planned, ended, strict=True)]


def measure(folder: Path, *, items: int, seconds: int, rate: int, rounds: int) -> list[Figure]:
    """The middle and the slow end in milliseconds, each the median of rounds in which both sides take turns."""
    chance = random.Random(7)
    ours, floors = [], []
    for number in range(rounds):
        order = [chance.randrange(items) for _ in range(seconds * rate // rounds)]
        floors.append(_of_floor(folder / f"w4-floor-{number}", items, order, rate))
        ours.append(_ours(folder / f"w4-{number}", items, order, rate))
    figures = []
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value, least = (statistics.median(percentile(one, share) for one in side) * 1000 for side in (ours, floors))
        target, reached = ("<= 1.5 x floor", value <= 1.5 * least) if name == "p50" else ("<= 10 ms", value <= 10)
        what = f"event to inner action on disk, {rate:,} events/s, {name}"
        figures.append(Figure("W4", what, value, "ms", target, reached, least, value / least, "FULL", "4/13"))
    return figures
