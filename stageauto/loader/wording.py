"""The words of the pages that customers see, in each language that comes along; an admin may change and add some.

One file is one language, below `words/`. A `{name}` in a text is filled in where it is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

FIRST: Final = "en"
"""The language that has every word, whose are shown where another lacks some."""
LANGUAGE: Final = r"^[a-z]{2,3}$"
_FOLDER: Final = Path(__file__).parent / "words"
_GAP: Final = re.compile(r"\{(\w+)\}")


@cache
def languages() -> tuple[str, ...]:
    """The languages that come along, by their ISO 639 codes."""
    return tuple(sorted(one.stem for one in _FOLDER.glob("*.json")))


@cache
def words(language: str) -> Mapping[str, str]:
    """The texts of a language that comes along, by their names; of any other those of `FIRST`."""
    name = language if language in languages() else FIRST
    return MappingProxyType(json.loads((_FOLDER / f"{name}.json").read_text("utf-8")))


def gaps(text: str) -> frozenset[str]:
    """The names that a text has to be filled in with."""
    return frozenset(_GAP.findall(text))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its gaps filled; a gap of another name stays as it is."""
    return _GAP.sub(lambda found: values.get(found[1], found[0]), text)
