"""Small frozen objects that are made by the million: an event, a moment, an effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool) -> Any:
        """`dataclass`, held frozen by the type checker alone.

        A frozen dataclass sets each of its fields by a call of `object.__setattr__`; to make one takes five times as
        long as to make the same with plain assignments.
        """
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
