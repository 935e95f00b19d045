"""Forms on the web."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_FORM = {
    "form": "which form, as set up in stageauto.yaml",
    "email": "the customer's e-mail",
    "phone": "the customer's phone",
    "name": "the customer's name",
    "page": "the address of the page with the form",
    "visitor": "the id of the visitor, where visits are followed",
}
_KEYS = ("email", "phone", "visitor", "contact")

EVENTS = (
    EventType(
        "form.submitted",
        "A form was sent in. Its fields are the event's data.",
        where=("form",),
        data=_FORM,
        open_data=True,
        customer=True,
        contact_keys=_KEYS,
        example="""
            id: form-came
            event: form.submitted
            where: {form: website}
            set: {note: "{{ event.subject }}"}
        """,
        group="forms",
    ),
    EventType(
        "callback.requested",
        "Somebody left a number and wants to be called back.",
        where=("form",),
        data=_FORM,
        open_data=True,
        customer=True,
        contact_keys=("phone", "email", "visitor", "contact"),
        example="""
            id: wants-a-call
            event: callback.requested
            set: {phone: "{{ event.phone }}"}
        """,
        group="forms",
    ),
)
