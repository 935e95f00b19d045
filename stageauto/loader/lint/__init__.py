"""Lint: what is allowed, but surely or probably not meant. Run by `validate` where the files have no errors."""
