"""Who acts, and what they may (SEMANTICS 32)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stageauto.errors import NotAllowedError, UsageError
from stageauto.loader.diagnostics import suggest

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace


@dataclass(frozen=True, slots=True)
class Rights:
    """Who may do what, apart from the rest of the configuration so that it is read at once.

    `users`: id -> {"os_user": ..., "roles": [...]}; `roles`: role -> pipeline or "*" -> permissions.
    """

    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    roles: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)

    def actor(self, as_user: str | None, os_user: str) -> str:
        """The id of the user who acts: `--as`, else the one with this `os_user`, else "". Raises UsageError."""
        if as_user:
            if self.users and as_user not in self.users:
                raise UsageError(f"there is no user `{as_user}`", suggest(as_user, self.users))
            return as_user
        return next((name for name, one in self.users.items() if one.get("os_user") == os_user), "")

    def may(self, user: str, permission: str, pipeline: str | None) -> bool:
        """Whether the user has the permission for the pipeline (None: for every one). Without users everybody may."""
        if not self.users:
            return True
        given: set[str] = set()
        for role in self.users.get(user, {}).get("roles", ()):
            by_pipeline = self.roles.get(role, {})
            given.update(by_pipeline.get("*", ()))
            if pipeline is not None:
                given.update(by_pipeline.get(pipeline, ()))
        return permission in given

    def demand(self, user: str, permission: str, pipeline: str | None) -> None:
        """Raises NotAllowedError where the user may not."""
        if not self.may(user, permission, pipeline):
            who = f"`{user}`" if user else "nobody in particular"
            where = f"in pipeline `{pipeline}`" if pipeline else "in all pipelines"
            hint = "ask an admin for a role that has it" if user else "say who you are with --as USER"
            raise NotAllowedError(f"{who} may not do this: it needs {permission} {where}", hint)

    def to_json(self) -> dict[str, Any]:
        """As kept in the state."""
        return {"users": self.users, "roles": self.roles}


def rights_of(workspace: Workspace) -> Rights:
    """The rights that a configuration gives."""
    users = {user.id: {"os_user": user.os_user, "roles": list(user.roles)} for user in workspace.users.values()}
    roles = {
        role: {pipeline: sorted(permissions) for pipeline, permissions in by.items()}
        for role, by in workspace.roles.items()
    }
    return Rights(users, roles)
