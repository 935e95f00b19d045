"""Users from whose mailbox mails would leave, and who have none."""

from __future__ import annotations

from collections.abc import Iterator

from stageauto.engine.model import ITEMS_UPDATE, Pipeline, User, Workspace
from stageauto.loader.lint.view import Finding, View, may_hold, rules_of

_FILE = "stageauto.yaml"


def users_without_mailbox(view: View) -> Iterator[Finding]:
    """`no-user-mailbox`: rules mail from the mailbox of the responsible, who may be somebody without one."""
    workspace = view.workspace
    if not any(user.mailbox for user in workspace.users.values()):
        return  # said of each rule already
    sending = {pipeline.id: names for pipeline in view.pipelines() if (names := _senders(pipeline))}
    for user in workspace.users.values():
        concerned = [name for name in sending if not user.mailbox and _may_have_items(workspace, user, name)]
        if concerned:
            rules = [rule for name in concerned for rule in sending[name]]
            more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
            message = f"`{user.id}` has no `mailbox`: of items of theirs, the mails of `{rules[0]}`{more} are not sent"
            hint = "add a `mailbox`, or `from: workspace` to these rules"
            yield Finding("no-user-mailbox", _FILE, ("users", user.id), message, hint, on_key=True)


def _senders(pipeline: Pipeline) -> list[str]:
    """The rules that send from the mailbox of the responsible."""
    return [
        rule.id
        for rule in rules_of(pipeline)
        if rule.enabled
        and rule.action.message_kind() == "mail"
        and getattr(rule.action, "from_", "") == "responsible"
        and may_hold(rule)
    ]


def _may_have_items(workspace: Workspace, user: User, pipeline: str) -> bool:
    """Whether the user works on items of the pipeline; without roles everybody does."""
    if not workspace.roles:
        return True
    granted = (workspace.roles.get(role, {}) for role in user.roles)
    return any(ITEMS_UPDATE in one.get(name, ()) for one in granted for name in ("*", pipeline))
