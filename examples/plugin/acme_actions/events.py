"""What the warehouse reports."""

from stageauto.engine.event_types import EventType

PARCEL_SCANNED = EventType(
    "parcel.scanned",
    "The scanner at the gate saw a parcel leave.",
    where=("gate",),
    data={"parcel": "the number on the label", "gate": "which gate", "weight": "kilograms, as weighed at the gate"},
    example="""
        id: parcel-left
        event: parcel.scanned
        where: {gate: north}
        set: {tracking_no: "{{ event.parcel }}"}
    """,
    group="warehouse",
    entities=("deal",),
)
