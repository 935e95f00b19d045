"""Pipelines that move by themselves: items, stages and rules in plain files, run by one small daemon."""

__version__ = "0.1.0"
