"""Deliveries: what goes outside. The frozen message has a row of its own, which trying again does not touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stageauto.engine.state import RUNNING, Delivery
from stageauto.store.codec import Codec, dumps, parse
from stageauto.store.sqlite_base import Base, Where

_codec: Codec[Delivery] = Codec(Delivery, ("id", "item", "run", "channel", "state", "held", "due", "message"))
_SELECT = """SELECT outbox.seq, outbox.key, outbox.item, outbox.run, outbox.channel, outbox.state, outbox.held,
    outbox.due, outbox.doc, letters.message FROM outbox JOIN letters ON letters.delivery = outbox.seq"""
_READY = "outbox.state = 'pending' AND outbox.held = 0"
_NEXT = """
WITH RECURSIVE channels (name) AS (
    SELECT min(channel) FROM outbox WHERE state = 'pending' AND held = 0
    UNION ALL
    SELECT (SELECT min(channel) FROM outbox WHERE state = 'pending' AND held = 0 AND channel > channels.name)
    FROM channels WHERE channels.name IS NOT NULL)
SELECT name, (SELECT min(due) FROM outbox WHERE state = 'pending' AND held = 0 AND channel = name)
FROM channels WHERE name IS NOT NULL"""
_INSERT = """INSERT INTO outbox (key, item, run, channel, state, held, due, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_UPDATE = """UPDATE outbox SET item = ?, run = ?, channel = ?, state = ?, held = ?, due = ?, doc = ? WHERE seq = ?"""
_UPDATE_TRY = """UPDATE outbox SET state = ?, held = ?, due = ?, doc = ?
    WHERE seq = ? AND item = ? AND run = ? AND channel = ?"""


class OutboxReader(Base):
    """Reads deliveries."""

    __slots__ = ()

    def _read_delivery(self, row: Sequence[Any]) -> Delivery:
        seq, key, item, run, channel, state, held, due, doc, message = row
        self._letters[key] = (seq, message)
        return _codec.load(
            doc, id=key, item=item, run=run, channel=channel, state=state, held=held == 1, due=due,
            message=parse(message),
        )  # fmt: skip

    def _deliveries(self, rest: str, *values: Any) -> list[Delivery]:
        return [self._read_delivery(row) for row in self._all(f"{_SELECT} {rest}", *values)]

    def delivery(self, delivery_id: str) -> Delivery | None:
        """The delivery; a fresh object each time."""
        found = self._deliveries("WHERE outbox.key = ?", delivery_id)
        return found[0] if found else None

    def deliveries_of_run(self, run_id: str) -> list[Delivery]:
        """The run's deliveries, oldest first."""
        return self._deliveries("WHERE outbox.run = ? ORDER BY outbox.seq", run_id)

    def deliveries(
        self, *, state: str | None = None, item: str | None = None, after_seq: int = 0, limit: int = -1
    ) -> list[Delivery]:
        """Deliveries in that state, of that item, oldest first; of more than `limit` the newest."""
        where = Where().add("outbox.seq > ?", after_seq).add("outbox.item = ?", item).add("outbox.state = ?", state)
        where.plain("outbox.state IN ('running', 'unknown')", state in {"running", "unknown"})
        return self._deliveries(f"{where} ORDER BY outbox.seq DESC LIMIT ?", *where.values, limit)[::-1]

    def running_deliveries(self) -> list[Delivery]:
        """Deliveries that were being sent: after a crash these are to be settled."""
        return self.deliveries(state=RUNNING)

    def due_deliveries(self, channel: str | None, now: int, limit: int) -> list[Delivery]:
        """Up to `limit` deliveries of the channel (None = of any) that may be tried now, the longest due first."""
        if channel is None:
            rest = f"WHERE {_READY} AND outbox.due <= ? ORDER BY outbox.due, outbox.seq LIMIT ?"
            return self._deliveries(rest, now, limit)
        rest = f"WHERE {_READY} AND outbox.channel = ? AND outbox.due <= ? ORDER BY outbox.due, outbox.seq LIMIT ?"
        return self._deliveries(rest, channel, now, limit)

    def later_deliveries(self, channel: str, now: int, limit: int) -> list[Delivery]:
        """Up to `limit` deliveries of the channel whose next try is later than `now`, the soonest first."""
        rest = f"WHERE {_READY} AND outbox.channel = ? AND outbox.due > ? ORDER BY outbox.due, outbox.seq LIMIT ?"
        return self._deliveries(rest, channel, now, limit)

    def tried_since(self, channel: str, at: int) -> list[Delivery]:
        """Deliveries of the channel that may have reached it at or after that moment (ms UTC), the oldest first."""
        tried = "outbox.state IN ('done', 'running', 'unknown')"
        return self._deliveries(
            f"WHERE outbox.channel = ? AND outbox.due >= ? AND {tried} ORDER BY outbox.seq", channel, at
        )

    def due_by_channel(self) -> dict[str, int]:
        """When each channel that has something to send has to send next, ms UTC."""
        return dict(self._all(_NEXT))

    def next_delivery_due(self) -> int | None:
        """When something is to be sent next, ms UTC."""
        return min(self.due_by_channel().values(), default=None)

    def outbox_counts(self) -> dict[tuple[str, str], int]:
        """How many deliveries each (channel, state) has; what is over is counted too."""
        rows = self._all("SELECT channel, state, count(*) FROM outbox GROUP BY channel, state")
        return {(channel, state): count for channel, state, count in rows}


class OutboxWriter(OutboxReader):
    """Writes deliveries."""

    __slots__ = ()

    def _write_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            known = self._letters.get(one.id) or self._letter(one.id)
            message = dumps(one.message)
            tried = (one.state, int(one.held), one.due, _codec.dump(one))
            if known is None:
                done = self._conn.execute(_INSERT, (one.id, one.item, one.run, one.channel, *tried))
                seq = int(done.lastrowid or 0)
                self._conn.execute("INSERT INTO letters VALUES (?, ?)", (seq, message))
            else:
                seq = known[0]
                self._update_delivery(one, seq, tried)
                if message != known[1]:
                    self._conn.execute("UPDATE letters SET message = ? WHERE delivery = ?", (message, seq))
            self._letters[one.id] = (seq, message)

    def _update_delivery(self, one: Delivery, seq: int, tried: tuple[Any, ...]) -> None:
        # Nearly always only the try changes; the indexes by item and run are then left alone.
        if self._conn.execute(_UPDATE_TRY, (*tried, seq, one.item, one.run, one.channel)).rowcount != 1:
            self._conn.execute(_UPDATE, (one.item, one.run, one.channel, *tried, seq))

    def _letter(self, key: str) -> tuple[int, str] | None:
        row: tuple[int, str] | None = self._row(
            "SELECT seq, message FROM outbox JOIN letters ON delivery = seq WHERE key = ?", key
        )
        return row
