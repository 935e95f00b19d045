"""The public holidays of one country, from the library that knows them all."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase

_ALL = "holidays.countries"
_TURN = threading.Lock()


def country_holidays(country: str, subdivision: str | None = None, year: int | None = None) -> HolidayBase:
    """The country's holidays, of that year or as they are asked for.

    For an unknown country or subdivision it raises what the library raises.
    """
    import holidays

    with _TURN, _alone():
        return holidays.country_holidays(country, subdiv=subdivision, years=year)


@contextmanager
def _alone() -> Iterator[None]:
    """Only the country that is asked for is loaded: the package of all of them takes a tenth of a second.

    The package is a bare folder meanwhile, of one thread at a time; whoever imports it later gets it whole.
    """
    spec = None if _ALL in sys.modules else importlib.util.find_spec(_ALL)
    if spec is None or spec.submodule_search_locations is None:
        yield
        return
    bare = sys.modules[_ALL] = ModuleType(_ALL)
    bare.__path__ = list(spec.submodule_search_locations)
    try:
        yield
    finally:
        if sys.modules.get(_ALL) is bare:
            del sys.modules[_ALL]
