"""The HTTP listener of `run --listen`: hooks, events, forms, tracked links, provider callbacks, chat, health, metrics.

The daemon's own thread decides; the listener's thread only takes requests, hands events to the daemon's intake, and
answers when they are on disk. A group of routes is a module with a function `routes()`; `groups.py` names them all.
"""
