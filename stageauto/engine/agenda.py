"""What is due, in order: (moment, order of scheduling, item), as a draft learns of it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

Key = tuple[int, int, str]
"""When (ms UTC), the order of scheduling, the id of the item."""


class Agenda:
    """A queue by moment.

    What was read in order is taken in order, and what lies far ahead is not sorted in before it is asked for: a batch
    of what is due notes for every item when it is due next, and looks at none of that.
    """

    __slots__ = ("_far", "_heap", "_read", "_soonest")

    def __init__(self) -> None:
        self._read: list[Key] = []  # the first one last
        self._heap: list[Key] = []
        self._far: list[Key] = []
        self._soonest = 0  # of `_far`

    def note(self, key: Key) -> None:
        """Adds one."""
        if not self._far or key[0] < self._soonest:
            self._soonest = key[0]
        self._far.append(key)

    def note_in_order(self, keys: Iterable[Key]) -> None:
        """Adds several that come in order; those of one moment and number, such as deadlines of tasks, in any."""
        for key in self._read:
            heapq.heappush(self._heap, key)
        self._read = sorted(keys, reverse=True)

    def first(self) -> Key | None:
        """The first one."""
        self._sort_in()
        ends = [*self._read[-1:], *self._heap[:1]]
        return min(ends) if ends else None

    def take(self, until: int) -> Key | None:
        """Takes out the first one; None where there is none at or before that moment (ms UTC)."""
        if self._far and self._soonest <= until:
            self._sort_in()
        read, heap = self._read, self._heap
        if read and not (heap and heap[0] < read[-1]):
            return read.pop() if read[-1][0] <= until else None
        return heapq.heappop(heap) if heap and heap[0][0] <= until else None

    def _sort_in(self) -> None:
        for key in self._far:
            heapq.heappush(self._heap, key)
        self._far.clear()
