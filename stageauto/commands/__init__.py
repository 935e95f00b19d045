"""The commands, one module per group; each has `register(app)`."""

from __future__ import annotations

MODULES = ("files", "running", "look", "change", "importing", "work", "reference", "admin")
"""Modules of this package in the order in which `--help` lists their commands."""
