"""Which mail of ours a bounce is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stageauto.engine.addresses import normal

if TYPE_CHECKING:
    from stageauto.channels.base import Received
    from stageauto.engine.state import Delivery
    from stageauto.store.sqlite_state import SqliteState


def with_delivery(state: SqliteState, event: Received) -> dict[str, Any]:
    """The event's data; of a bounce of a mail of ours with the rule that sent it and its entry in the outbox.

    What says that it is about a mail of ours, but names nobody whom that went to, says nothing at all.
    """
    data = dict(event.data)
    if event.type != "email.bounced":
        return data
    for message_id in (data.get("message_id", ""), *data.get("references", ())):
        found = _delivery(state, message_id)
        if found is None:
            continue
        data["message_id"] = message_id
        to = [found.to, *found.message.get("cc", ()), *found.message.get("bcc", ())]
        if normal(data.get("address", "")) not in {normal(one) for one in to}:
            # It was forwarded from where we sent it to: with one recipient there is no doubt which address that is.
            if len(to) > 1:
                continue
            data["address"] = found.to
        return data | {"rule": found.rule, "delivery": found.id, "to": found.to}
    data.pop("message_id", None)
    data.pop("references", None)
    return data


def _delivery(state: SqliteState, message_id: str) -> Delivery | None:
    item = state.item_of_token("message_id", message_id) if message_id else None
    if item is None:
        return None
    return next((one for one in state.deliveries(item=item) if one.answer.get("message_id") == message_id), None)
