"""Decides what an event means. Pure: no clock, no I/O, no randomness, no logging."""
