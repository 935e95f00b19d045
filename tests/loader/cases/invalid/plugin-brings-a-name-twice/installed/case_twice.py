"""A plugin whose action has the name of another one."""


class Notify:
    """It brings nothing else, since it is refused before anything else is asked of it."""

    kind = "notify"
