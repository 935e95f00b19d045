"""Keys to the HTTP interface: made for a user, shown once, kept as their hash."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stageauto.engine.links import hash_of
from stageauto.engine.model import AUTOMATION_UPDATE
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.store.records import ApiToken

if TYPE_CHECKING:
    from stageauto.runner.session import Session

PREFIX = "sta_"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LENGTH = 43  # letters of 62: 256 bit
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9]{{{LENGTH}}}")


def looks_like_one(text: str) -> bool:
    """True for what can be a token at all."""
    return _TOKEN.fullmatch(text) is not None


def add(session: Session, user: str, note: str = "") -> tuple[ApiToken, str]:
    """The new token's record, and the token itself, which nobody can find out again.

    Raises UsageError for an unknown user, NotAllowedError for who may not change the automation.
    """
    token = PREFIX + session.clock.draw(LETTERS, LENGTH)
    with session.read(AUTOMATION_UPDATE) as state:
        users = session.rights(state).users
        if users and user not in users:
            raise UsageError(f"there is no user `{user}`", suggest(user, users))
    with session.store.transaction() as state:
        author = session.actor(state)
        made = ApiToken(hash_of(token), f"token-{state.next_number('token')}", user, session.clock.now(), author, note)
        state.add_api_token(made)
        state.audit_add(made.made_at, author, "token add", made.id, {"user": user})
    return made, token


def remove(session: Session, token_id: str) -> None:
    """Takes a token away: at once nobody gets in with it. Raises UsageError for an unknown one."""
    with session.read(AUTOMATION_UPDATE):
        pass
    with session.store.transaction() as state:
        if not state.remove_api_token(token_id):
            raise UsageError(f"there is no token `{token_id}`", suggest(token_id, [x.id for x in state.api_tokens()]))
        state.audit_add(session.clock.now(), session.actor(state), "token remove", token_id)


def listed(session: Session) -> list[ApiToken]:
    """All of them, oldest first."""
    with session.read(AUTOMATION_UPDATE) as state:
        return state.api_tokens()
