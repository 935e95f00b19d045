"""What keeps a trigger from moving an item, in the words that stand in the state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stageauto.engine.showing import shown, told

HERE, BEHIND, CLOSED = "here", "behind", "closed"
OLDER, WHERE, MACHINE, FROM, CONDITION = "older", "where", "machine", "from", "condition"
GUARD = "guard"
LONGEST = 200
"""Of a longer text so many characters are kept: the event's own line has it whole."""

Refusal = list[Any]
"""[trigger, one of the words above, what decided: for `where` [key, the event's value], for `from` the stage, for a
condition what is `Kept` of it]; what decided is left out where the word says all."""
Kept = Sequence[Any]
"""A condition's answer: [[[question, answer, names that it reads, why it could not be asked, if so], ...] those that
decided; {name: value} of all that were asked; {name: text} of values that are no JSON]. No text is made before somebody
asks why; states of before have [sentence, {name: value}]."""


def because(kept: Kept) -> str:
    """The sentence that names what decided, with the values of then."""
    return kept[0] if isinstance(kept[0], str) else "; ".join(_sentences(kept))


def values(kept: Kept) -> Mapping[str, Any]:
    """What the condition was asked of, by name."""
    found: Mapping[str, Any] = kept[1]
    return found


def _sentences(kept: Kept) -> Iterator[str]:
    texts = kept[2] if len(kept) > 2 else {}
    for question, answer, names, *note in kept[0]:
        details = [f"{name} = {texts[name] if name in texts else shown(kept[1].get(name))}" for name in names]
        yield told(question, answer, [*details, *note])
