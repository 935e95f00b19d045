"""Makes somebody else responsible for the item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from stageauto.actions import _values
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Assign, Effect, End, SetFields
from stageauto.engine.options import Builder, Choice, Json, NameOption, Recipient, at, option
from stageauto.engine.scalars import source_text

if TYPE_CHECKING:
    from stageauto.engine.templates import Text


_USER = NameOption("user", templated=True, also=("manager",))


@dataclass(frozen=True, slots=True)
class SuccessorOption:
    """A user's id, `manager` or a template that gives an id, {user: ID} or {role: ID}.

    Builds the id or `Text`, or for a role a `Recipient`.
    """

    def schema(self) -> Json:
        one = {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {"user": _USER.schema(), "role": {"type": "string"}},
        }
        return {"anyOf": [_USER.schema(), one]}

    def build(self, raw: Any, builder: Builder) -> str | Text | Recipient:
        if not isinstance(raw, Mapping):
            return _USER.build(raw, builder)  # type: ignore[no-any-return]
        if "role" in raw:
            role = source_text(raw["role"])
            builder.known("role", role, ("role",))
            return Recipient("role", role)
        return _USER.build(raw["user"], at(builder, "user"))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class ChangeResponsible(Action):
    """Makes somebody else responsible for the item: a user, or somebody of a role.

    `to` is a user's id, `manager` (the manager of who is responsible now) or a template that gives an id. With `role`
    (or `to: {role: ID}`) the item goes to one of those who have it: by turns (`by: round_robin`), or to who has the
    fewest open items (`by: least_open`).

    `failed`: `to` names nobody known (`bad_value`), or there is no manager or nobody has the role (`no_user`).

    Example:
        id: share-out
        do: change_responsible
        with: {role: sales, by: least_open}
    """

    kind: ClassVar[str] = "change_responsible"
    group: ClassVar[str] = "item"

    to: str | Text | Recipient | None = option(SuccessorOption(), "Which user.", None)
    role: str | None = option(NameOption("role"), "Somebody of this role.", None)
    by: str | None = option(Choice(("round_robin", "least_open")), "Who of the role; default: by turns.", None)

    def check(self, builder: Builder) -> None:
        if (self.to is None) == (self.role is None):
            wrong = "neither `to` nor `role` is given" if self.to is None else "`to` and `role` are both given"
            builder.fault("choose-one", wrong, hint="write one of them and only one")
        elif self.by is not None and self._role is None:
            builder.fault("choose-one", "`by` chooses among a role, but no `role` is given", ("by",))

    def plan(self, context: Context) -> Sequence[Effect]:
        role = self._role
        if role is not None:
            if not context.users_with_role(role):
                return [End("failed", "no_user", f"nobody has the role {role}")]
            return [Assign(role, self.by or "round_robin")]
        user = None if isinstance(self.to, Recipient) else _values.person(context, self.to, "to")
        if isinstance(user, End):
            return [user]
        if user is None:
            nobody = "the responsible has no manager" if self.to == "manager" else "`to` is empty"
            return [End("failed", "no_user", nobody)]
        return [SetFields({"responsible": user})]

    @property
    def _role(self) -> str | None:
        return str(self.to.name) if isinstance(self.to, Recipient) else self.role
