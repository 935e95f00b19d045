"""W9: events by HTTP that are on disk when they are answered: many clients at once beside one that waits each time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.daemon import prepare
from bench.figures import Figure, check
from bench.workload import item_name
from stageauto.runner import tokens
from stageauto.runner.service import Options, Service
from stageauto.runner.session import Session
from stageauto.web.groups import all_routes
from stageauto.web.server import Listener, bind
from stageauto.web.site import Site

CLIENTS = 64


@contextmanager
def _served(folder: Path) -> Iterator[tuple[int, str]]:
    """The daemon with its listener; gives the port and a token."""
    with Session.open(folder) as session:
        token = tokens.add(session, "")[1]
    made, started, service = bind("127.0.0.1", 0), threading.Event(), []

    def work() -> None:
        with Session.open(folder) as session:
            service.append(Service(session, Options(), lambda kind, _: started.set() if kind == "started" else None))
            listener = Listener(Site(service[0], folder, session.clock, lambda *_: None), made, all_routes())
            listener.start()
            service[0].run()
            listener.stop()

    thread = threading.Thread(target=work, name="daemon")
    thread.start()
    started.wait()
    try:
        yield made.getsockname()[1], token
    finally:
        service[0].stop()
        thread.join()


async def _client(port: int, token: str, numbers: range, items: int, name: str) -> None:
    """Posts one event after the other on one connection, each after the answer to the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        event = {"type": "app.next", "id": f"{name}-{number}", "item": item_name(number % items), "data": {"a": 1}}
        body = json.dumps(event).encode()
        head = (
            f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        status = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert status.startswith("http/1.1 200"), status
        length = next(
            int(one.split(":")[1]) for one in status.split("\r\n") if one.lower().startswith("content-length")
        )
        await reader.readexactly(length)
    writer.close()


async def _clients(port: int, token: str, count: int, clients: int, items: int) -> float:
    """How many a second were answered."""
    share = count // clients
    began = time.perf_counter()
    await asyncio.gather(*(
        _client(port, token, range(one * share, (one + 1) * share), items, f"c{clients}") for one in range(clients)
    ))  # fmt: skip
    return share * clients / (time.perf_counter() - began)


def _rate(port: int, token: str, count: int, clients: int, items: int) -> float:
    """The clients in a process of their own, as they would be."""
    words = [sys.executable, "-m", "bench.web", str(port), token, str(count), str(clients), str(items)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def measure(folder: Path, *, items: int, count: int) -> list[Figure]:
    """Durable answers a second."""
    where = folder / "w9"
    prepare(where, items)
    with _served(where) as (port, token):
        alone = _rate(port, token, count // 20, 1, items)
        together = _rate(port, token, count, CLIENTS, items)
    with Session.open(where) as session:
        found = session.store.connection.execute("SELECT count(*) FROM events").fetchone()[0]
    check("events", found, count // 20 + count // CLIENTS * CLIENTS)
    ratio = together / alone
    what = f"POST /events on disk when answered, {CLIENTS} clients beside one"
    return [Figure("W9", what, together, "/s", ">= 2 x one client", ratio >= 2, alone, ratio, "FULL", "1")]


if __name__ == "__main__":
    port, token, count, clients, items = sys.argv[1:]
    print(asyncio.run(_clients(int(port), token, int(count), int(clients), int(items))))
