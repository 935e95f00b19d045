"""What an action is to the engine: a kind, its options as dataclass fields, a plan, and the context it plans in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from stageauto.engine.durations import Duration, DurationError, parse_duration
from stageauto.engine.effects import MakeLink
from stageauto.engine.links import hash_of, make_token, url_of
from stageauto.engine.schedule import parse_local, shift
from stageauto.engine.state import Company, Contact, Item, Run, Task

if TYPE_CHECKING:
    from stageauto.engine.draft import Draft
    from stageauto.engine.effects import Effect
    from stageauto.engine.model import Pipeline, Rule, User
    from stageauto.engine.options import Builder, Recipient
    from stageauto.engine.ports import Lookups


class Action:
    """The base of every kind of action.

    A kind is a frozen dataclass in a module of its own; its fields are the YAML options, its docstring is the reference
    page and holds one indented YAML example after a line `Example:`, which a test loads.
    """

    kind: ClassVar[str]
    group: ClassVar[str]  # customer, staff, item, flow, documents, advertising, own
    entities: ClassVar[tuple[str, ...]] = ("lead", "deal", "document")
    outer: ClassVar[bool] = False  # goes to the outbox
    message: ClassVar[str] = ""  # kind of customer message: mail, sms, call, chat, whatsapp
    own_time: ClassVar[bool] = False  # works out its own moment (control): `when` is refused
    __slots__ = ()

    def plan(self, context: Context) -> Sequence[Effect]:
        """What this action asks for. Pure."""
        raise AssertionError(f"{type(self).__name__} has no plan")

    def check(self, builder: Builder) -> None:
        """Reports what is wrong between options; each option has been checked by itself before."""

    def delay_from_entry(self) -> Duration | None:
        """The span since stage entry after which it is due, for a kind with `own_time`."""
        return None

    def message_kind(self) -> str:
        """The kind of customer message that it sends, where its options choose among several."""
        return self.message

    def to_customer(self) -> bool:
        """True when it sends a message to a customer, for quiet hours."""
        return False


class Moments(Protocol):
    """Anything with a `render` to a value."""

    def render(self, scope: Mapping[str, Any]) -> Any: ...


class Context:
    """One decision about one run, as an action sees it. Made by the engine, lives for one `plan`."""

    __slots__ = ("_draft", "item", "made", "now", "rule", "run", "scope", "state", "workspace")

    def __init__(self, draft: Draft, item: Item, run: Run, rule: Rule, scope: Mapping[str, Any], now: int) -> None:
        self._draft = draft
        self.state: Lookups = draft
        self.workspace = draft.workspace
        self.item = item
        self.run = run
        self.rule = rule
        self.scope = scope
        self.now = now
        self.made: list[MakeLink] = []  # links, kept by the engine together with the effects of the plan

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline of the rule."""
        return self.workspace.pipelines[self.run.pipeline]

    def token(self, kind: str, target: str, **data: Any) -> str:
        """A new personal token (43 letters) that stands for this item and `target`; the state keeps its hash.

        `data` is JSON that whoever follows the link is shown or that its event carries. Deciding the same occurrence
        again gives the same tokens in the same order.
        """
        run = self.run
        place = f"{run.id}:{run.count}:{run.deliveries}:{kind}:{len(self.made)}"
        token = make_token(self._draft.link_secret(), place)
        self.made.append(MakeLink(hash_of(token), kind, target, data))
        return token

    def link(self, kind: str, target: str, **data: Any) -> str:
        """The address of a new personal link; "" where the workspace has no `base_url`, and then none is made."""
        base = self.workspace.base_url
        return url_of(base, kind, self.token(kind, target, **data)) if base else ""

    def render(self, template: Any) -> Any:
        """The value of a compiled Text or Value (text for a Text); None for None."""
        return None if template is None else template.render(self.scope)

    def words(self, template: Any) -> str:
        """Like `render`, as text: "" for nothing."""
        value = None if template is None else template.render(self.scope)
        return value if value.__class__ is str else "" if value is None else str(value)

    def contacts(self) -> list[Contact]:
        """The item's contacts that still exist, the first one first."""
        found = (self.state.contact(contact_id) for contact_id in self.item.contacts)
        return [contact for contact in found if contact is not None]

    def contact(self) -> Contact | None:
        """The customer: the first of the item's contacts."""
        return next(iter(self.contacts()), None)

    def company(self) -> Company | None:
        """The item's company."""
        return self.state.company(self.item.company) if self.item.company else None

    def responsible(self) -> User | None:
        """The user who is responsible for the item."""
        return self.workspace.users.get(self.item.responsible or "")

    def manager(self) -> User | None:
        """The manager of the responsible."""
        responsible = self.responsible()
        return self.workspace.users.get(responsible.manager or "") if responsible else None

    def users(self, recipients: Sequence[Recipient]) -> list[User]:
        """The staff among the recipients, each once, in order."""
        found: dict[str, User] = {}
        for recipient in recipients:
            for user in self._users_of(recipient):
                found.setdefault(user.id, user)
        return list(found.values())

    def _users_of(self, recipient: Recipient) -> list[User]:
        if recipient.kind == "responsible":
            one = self.responsible()
        elif recipient.kind == "manager":
            one = self.manager()
        elif recipient.kind == "user":
            one = self.workspace.users.get(recipient.name)
        elif recipient.kind == "role":
            return self.users_with_role(recipient.name)
        else:
            return []
        return [one] if one else []

    def users_with_role(self, role: str) -> list[User]:
        """The users who have the role, in the order of the file."""
        return [user for user in self.workspace.users.values() if role in user.roles]

    def person(self, value: Any) -> str | None:
        """A user id from `responsible`, `manager`, an id or a template; None where nobody or unknown."""
        if value is None:
            return None
        text = value if isinstance(value, str) else self.words(value)
        if text == "responsible":
            return self.item.responsible
        if text == "manager":
            manager = self.manager()
            return manager.id if manager else None
        return text if text in self.workspace.users else None

    def moment(self, value: Any) -> int | None:
        """An instant in ms UTC from a compiled Value: a datetime, a date (local 00:00) or ISO text; None for nothing.

        Raises ValueError for what is no moment.
        """
        rendered = self.render(value)
        if rendered is None or rendered == "":
            return None
        if isinstance(rendered, datetime):
            return round(rendered.timestamp() * 1000)
        if isinstance(rendered, date):
            return parse_local(rendered.isoformat(), self.workspace.zone)
        return parse_local(str(rendered), self.workspace.zone)

    def after(self, span: Any, start: int | None = None) -> int:
        """`start` (default now) plus a duration option, ms UTC. Raises DurationError for a template that gives none."""
        duration = span if isinstance(span, Duration) else parse_duration(self.words(span))
        return shift(self.now if start is None else start, duration, self.workspace.zone, self.workspace.working)

    def open_tasks(self, stage: str | None = None) -> Sequence[Task]:
        """The open tasks that this item's rules made."""
        return self.state.open_tasks(self.item.id, stage)


__all__ = ["Action", "Context", "DurationError"]
