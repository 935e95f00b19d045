"""Benchmarks: stageauto beside the same row writes by plain SQLite, in one run. `python -m bench --help`."""
