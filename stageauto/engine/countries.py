"""The public holidays of one country, from the library that knows them all."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holidays import HolidayBase

_ALL = "holidays.countries"


def country_holidays(country: str, subdivision: str | None = None, year: int | None = None) -> HolidayBase:
    """The country's holidays, of that year or as they are asked for.

    For an unknown country or subdivision it raises what the library raises.
    """
    import holidays

    _leave_out_the_others(holidays)
    return holidays.country_holidays(country, subdiv=subdivision, years=year)


class _Bare(ModuleType):
    """A package as a bare folder: its own code, which imports all that is in it, runs when something of it is read."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if (name.startswith("__") and name != "__all__") or spec is None or spec.loader is None:
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]  # from now on it is whole
        spec.loader.exec_module(self)
        return getattr(self, name)


def _leave_out_the_others(library: ModuleType) -> None:
    """Only the country that is asked for is loaded: the package of all of them takes a tenth of a second.

    It stays bare until somebody else wants it whole, so that no thread takes it away from another.
    """
    if _ALL not in sys.modules:
        spec = importlib.util.find_spec(_ALL)
        if spec is not None and spec.submodule_search_locations is not None:
            bare = importlib.util.module_from_spec(spec)
            bare.__class__ = _Bare
            library.countries = sys.modules.setdefault(_ALL, bare)  # type: ignore[attr-defined]
