"""What keeps a trigger from moving an item, in the words that stand in the state."""

from __future__ import annotations

from typing import Any

HERE, BEHIND, CLOSED = "here", "behind", "closed"
OLDER, WHERE, MACHINE, FROM, CONDITION = "older", "where", "machine", "from", "condition"
GUARD = "guard"

Refusal = list[Any]
"""[trigger, one of the words above, what decided: for `where` [key, the event's value], for `from` the stage, for a
condition [sentence, {name: value}]]; what decided is left out where the word says all."""
