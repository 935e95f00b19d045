"""The permissions that a role may give (SEMANTICS 32), apart from the model: commands that only look need no more."""

from __future__ import annotations

AUTOMATION_READ = "automation.read"
AUTOMATION_UPDATE = "automation.update"
ITEMS_READ = "items.read"
ITEMS_UPDATE = "items.update"
PERMISSIONS = (AUTOMATION_READ, AUTOMATION_UPDATE, ITEMS_READ, ITEMS_UPDATE)
