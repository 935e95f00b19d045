"""What Python's search for garbage is spared while a state is worked on."""

from __future__ import annotations

import gc

# New objects until the next search. A decision's own are gone when it is: next to nothing is ever found.
_YOUNG, _MIDDLE, _OLD = 20_000, 20, 50


def settle() -> None:
    """All that is there stays out of the search from now on, and the search comes less often.

    For a configuration that was just taken up: it stays, and to go through all of it again and again takes more time
    than many a decision. The one before it is let go.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
