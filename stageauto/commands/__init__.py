"""The commands, one module per group; each has `register(app)`."""

from __future__ import annotations

MODULES = (
    "files", "planning", "running", "foretelling", "look", "explaining", "change", "importing", "work",
    "documents", "figures", "listening", "reference", "admin",
)  # fmt: skip
"""Modules of this package in the order in which `--help` lists their commands."""
