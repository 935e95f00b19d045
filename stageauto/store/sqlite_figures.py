"""What figures are made of: places, moves, ends, counted by SQLite or streamed in order, so that much costs little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stageauto.store.records import Ended, Moved, Placed
from stageauto.store.sqlite_base import Base, Where

_PLACED = """SELECT id, pipeline, stage, responsible, deleted, json_extract(doc, '$.created_at'), entered_at
    FROM items ORDER BY id"""
_MOVED = """SELECT item, at, kind, json_extract(data, '$.pipeline'),
    CASE kind WHEN 'entered' THEN json_extract(data, '$.to') ELSE json_extract(data, '$.stage') END,
    CASE kind WHEN 'created' THEN json_extract(data, '$.since') END
    FROM timeline WHERE kind IN ('created', 'entered') AND item IS NOT NULL ORDER BY item, seq"""
_SUMS = """SELECT stage, sum(json_extract(doc, ?)) FROM items
    WHERE pipeline = ? AND deleted = 0 AND json_extract(doc, '$.created_at') >= ? GROUP BY stage"""
_RAN = """SELECT items.pipeline, json_extract(data, '$.stage'), json_extract(data, '$.rule'),
    json_extract(data, '$.outcome'), count(*)
    FROM timeline JOIN items ON items.id = timeline.item
    WHERE kind IN ('outcome', 'repeated') AND at >= ? GROUP BY 1, 2, 3, 4"""
# What was pending when an item left its stage or was deleted stands in that line, and has none of its own.
_CUT = """SELECT items.pipeline, json_extract(cut.value, '$[2]'), json_extract(cut.value, '$[1]'), 'cancelled', count(*)
    FROM timeline JOIN items ON items.id = timeline.item, json_each(timeline.data, '$.cancelled') AS cut
    WHERE kind IN ('entered', 'deleted') AND at >= ? GROUP BY 1, 2, 3"""
_QUARTER = 900_000
"""Milliseconds of the finest step between two zones: a quarter of an hour."""


class FiguresReader(Base):
    """Reads what figures are made of."""

    __slots__ = ()

    def placed(self) -> Iterator[Placed]:
        """Where every item stands, deleted ones too, in order of creation."""
        return (Placed(*row) for row in self._conn.execute(_PLACED))

    def moved(self) -> Iterator[Moved]:
        """Every entry of a stage that is written down, item by item, the oldest first."""
        return (Moved(*row) for row in self._conn.execute(_MOVED))

    def sums(self, pipeline: str, field: str, since: int) -> dict[str, float]:
        """The sum of a field by stage, over not deleted items created at or after `since` (ms UTC)."""
        rows = self._all(_SUMS, f'$.fields."{field}"', pipeline, since)
        return {stage: total for stage, total in rows if total is not None}

    def ended(self, since: int) -> list[Ended]:
        """How many runs of each rule ended how, at or after `since` (ms UTC); a repetition counts each time."""
        return [Ended(*row) for sql in (_RAN, _CUT) for row in self._all(sql, since)]

    def beat(self, kinds: Sequence[str], since: int, pipelines: Sequence[str]) -> list[tuple[int, int]]:
        """(moment, how many lines of history of these kinds) by quarter of an hour, ms UTC, in these pipelines."""
        where = Where().any_of("kind", kinds).add("at >= ?", since).any_of("items.pipeline", pipelines)
        # CROSS: one line after the other; else SQLite makes an index over the view for this one question.
        sql = f"""SELECT at / {_QUARTER} * {_QUARTER}, count(*)
            FROM lines CROSS JOIN items ON items.id = lines.item{where} GROUP BY 1"""  # noqa: S608  # only words of ours
        return self._all(sql, *where.values)

    def sent_by_channel(self, since: int, pipelines: Sequence[str]) -> dict[str, int]:
        """How many messages each channel sent at or after `since` (ms UTC), in these pipelines."""
        where = Where().plain("kind = 'sent'", wanted=True).add("at >= ?", since).any_of("items.pipeline", pipelines)
        sql = f"""SELECT json_extract(data, '$.channel'), count(*)
            FROM timeline JOIN items ON items.id = timeline.item{where} GROUP BY 1"""  # noqa: S608  # only words of ours
        return dict(self._all(sql, *where.values))

    def kept_back_by_channel(self, since: int, pipelines: Sequence[str]) -> dict[tuple[str, str], int]:
        """How many deliveries of each (channel, state) were due at or after `since` (ms UTC) and were not sent."""
        where = Where().plain("state NOT IN ('done', 'pending', 'running')", wanted=True)
        where.add("due >= ?", since).any_of("items.pipeline", pipelines)
        sql = f"""SELECT channel, state, count(*)
            FROM outbox JOIN items ON items.key = outbox.item{where} GROUP BY 1, 2"""  # noqa: S608  # only words of ours
        return {(channel, state): count for channel, state, count in self._all(sql, *where.values)}
