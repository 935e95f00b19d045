"""What rules do to the item, its people and other items."""

from __future__ import annotations

import pytest

from stageauto.engine.effects import (
    AddException,
    Assign,
    Book,
    CancelBooking,
    CreateItem,
    DeleteItem,
    End,
    GenerateCode,
    Move,
    PutCompany,
    PutContact,
    SetFields,
)
from stageauto.engine.state import Company
from tests.actions.conftest import Bench, faults, local


def test_values_keep_their_types_and_may_be_counted(bench: Bench) -> None:
    bench.item.fields["amount"] = 1000
    options = 'set: {amount: "{{ item.amount * 2 + 1 }}", note: "Was {{ item.amount }}", tracking_no: ""}'
    assert bench.one("update_item", options) == SetFields({"amount": 2001, "note": "Was 1000", "tracking_no": ""})


def test_values_are_appended_to_fields_that_hold_several(bench: Bench) -> None:
    assert bench.one("update_item", "append: true\nset: {interests: roof, tags: vip}") == SetFields(
        {"interests": "roof", "tags": "vip"}, append=True
    )
    assert faults("update_item", "append: true\nset: {interests: roof, note: x}") == ["bad-value"]


def test_unknown_fields_are_found_before() -> None:
    assert faults("update_item", "set: {amuont: 1}") == ["unknown-field"]


def test_an_item_moves_within_its_pipeline_and_to_another(bench: Bench) -> None:
    assert bench.one("change_stage", "to: lost") == Move("lost")
    assert bench.one("change_pipeline", "pipeline: orders") == Move("received", "orders")
    assert bench.one("change_pipeline", "pipeline: orders\nstage: sent") == Move("sent", "orders")


def test_stages_are_looked_for_in_their_own_pipeline() -> None:
    assert faults("change_stage", "to: received") == ["unknown-stage"]
    assert faults("change_pipeline", "pipeline: orders\nstage: won") == ["unknown-stage"]


@pytest.mark.parametrize(
    ("to", "user"),
    [("ben", "ben"), ("manager", "olga"), ('"{{ item.owner }}"', "olga"), ('" {{ item.owner }} "', "olga")],
)
def test_a_user_becomes_responsible(bench: Bench, to: str, user: str) -> None:
    bench.item.fields["owner"] = "olga"
    assert bench.one("change_responsible", f"to: {to}") == SetFields({"responsible": user})


def test_somebody_of_a_role_becomes_responsible(bench: Bench) -> None:
    assert bench.one("change_responsible", "role: sales") == Assign("sales", "round_robin")
    assert bench.one("change_responsible", "role: sales\nby: least_open") == Assign("sales", "least_open")
    assert bench.one("change_responsible", "role: nobody") == End("failed", "no_user", "nobody has the role nobody")


def test_nobody_cannot_become_responsible(bench: Bench) -> None:
    options = 'to: "{{ item.owner }}"'
    assert bench.one("change_responsible", options).code == "no_user"
    bench.item.fields["owner"] = "zoe"
    assert bench.one("change_responsible", options).code == "bad_value"
    bench.item.responsible = None
    assert bench.one("change_responsible", "to: manager").because == "the responsible has no manager"


@pytest.mark.parametrize("options", ["to: anna\nrole: sales", "to: anna\nby: least_open", "by: least_open"])
def test_a_user_or_a_role_is_named(options: str) -> None:
    assert faults("change_responsible", options) == ["choose-one"]


def test_one_address_is_added_and_a_list_takes_the_place_of_all(bench: Bench) -> None:
    options = """
        set:
          first_name: " {{ contact.first_name }}a "
          emails: {value: new@work.test, type: work}
          phone: "+48 22 100"
          language: en
          opt_out: [sms, call, audience]
    """
    assert bench.one("change_contact", options) == PutContact(
        "ewa",
        {
            "first_name": "Ewaa",
            "email": [{"value": "new@work.test", "type": "work"}],
            "phone": [{"value": "+48 22 100", "type": ""}],
            "language": "en",
            "opt_out": ["sms", "call", "audience"],
        },
    )
    whole = bench.one("change_contact", 'set: {emails: [a@b.test, {value: "{{ item.email }}"}], opt_out: true}')
    assert whole.values == {"emails": [{"value": "a@b.test", "type": ""}], "opt_out": ["*"]}


def test_an_empty_address_is_not_added(bench: Bench) -> None:
    assert bench.one("change_contact", 'set: {email: "{{ item.email }}"}').values == {"email": []}


def test_without_a_contact_or_company_nothing_can_be_changed(bench: Bench) -> None:
    bench.item.contacts = []
    assert bench.one("change_contact", "set: {language: pl}").code == "no_contact"
    assert bench.one("change_company", "set: {name: x}").code == "no_company"


def test_a_company_is_changed(bench: Bench) -> None:
    bench.companies = [Company("lis", "Lis")]
    bench.item.company = "lis"
    assert bench.one("change_company", 'set: {name: "{{ company.name }} sp."}') == PutCompany(
        "lis", {"name": "Lis sp."}
    )


def test_words_of_people_are_checked_before() -> None:
    assert faults("change_contact", "set: {first_nam: x}") == ["unknown-key"]
    assert faults("change_contact", "set: {timezone: Europe/Warszawa}") == ["bad-timezone"]
    assert faults("change_contact", "set: {opt_out: [mial]}") != []
    assert faults("change_contact", 'set: {timezone: "{{ vars.company }}"}') == []


def test_a_contact_is_made_of_the_items_fields(bench: Bench) -> None:
    bench.item.fields |= {"name": "Ola Anna Mak", "email": "ola@mak.test", "phone": "501"}
    assert bench.one("create_contact", "set: {language: pl}") == PutContact(
        None,
        {
            "first_name": "Ola",
            "last_name": "Anna Mak",
            "email": [{"value": "ola@mak.test", "type": ""}],
            "phone": [{"value": "501", "type": ""}],
            "language": "pl",
        },
        mark_repeat=True,
    )


def test_what_is_set_goes_before_what_the_item_has(bench: Bench) -> None:
    bench.item.fields |= {"first_name": "Ola", "email": "ola@mak.test"}
    values = bench.one("create_contact", "set: {first_name: Aleksandra, email: {value: a@b.test, type: work}}").values
    assert values == {"first_name": "Aleksandra", "email": [{"value": "a@b.test", "type": "work"}]}


def test_no_contact_is_made_of_nothing(bench: Bench) -> None:
    assert bench.one("create_contact").code == "no_data"
    assert bench.one("create_contact", "set: {language: pl}").code == "no_data"


def test_a_new_item_takes_after_this_one(bench: Bench) -> None:
    bench.item.fields["amount"] = 900
    assert bench.one("create_item", 'pipeline: orders\nset: {amount: "{{ item.amount }}"}') == CreateItem(
        "orders", None, {"title": "Roof", "responsible": "anna", "amount": 900}
    )
    options = 'pipeline: orders\nstage: sent\ntitle: "For {{ item.title }}"\nresponsible: manager\nlink: false'
    assert bench.one("create_item", options) == CreateItem(
        "orders", "sent", {"title": "For Roof", "responsible": "olga"}, link=False
    )


def test_fields_of_a_new_item_are_those_of_its_pipeline() -> None:
    assert faults("create_item", "pipeline: orders\nset: {order_no: 1}") == ["unknown-field"]


def test_a_lead_is_converted_people_first(bench: Bench) -> None:
    bench.item.contacts = []
    bench.item.fields |= {"first_name": "Ola", "email": "ola@mak.test", "amount": 900}
    options = """
        deal: {pipeline: orders, stage: sent, set: {amount: "{{ item.amount }}"}}
        quote: {pipeline: orders, title: Quote}
        invoice: {pipeline: orders}
        contact: true
        company: {set: {name: Mak}}
    """
    base = {"title": "Roof", "responsible": "anna"}
    assert bench.plan("convert", options) == [
        PutContact(None, {"first_name": "Ola", "email": [{"value": "ola@mak.test", "type": ""}]}),
        PutCompany(None, {"name": "Mak"}),
        CreateItem("orders", "sent", {**base, "amount": 900}, as_name="deal"),
        CreateItem("orders", None, {**base, "title": "Quote"}, as_name="quote"),
        CreateItem("orders", None, base, as_name="invoice"),
    ]


def test_converting_keeps_the_people_who_are_there(bench: Bench) -> None:
    bench.companies = [Company("lis", "Lis")]
    bench.item.company = "lis"
    assert bench.plan("convert", "contact: true\ncompany: true") == []
    changed = bench.plan("convert", "contact: {set: {language: en}}\ncompany: {set: {name: Lis sp.}}")
    assert changed == [PutContact("ewa", {"language": "en"}), PutCompany("lis", {"name": "Lis sp."})]


def test_a_company_without_a_name_has_the_items_title(bench: Bench) -> None:
    assert bench.one("convert", "company: true") == PutCompany(None, {"name": "Roof"})


def test_nothing_is_converted_where_the_contact_has_nothing(bench: Bench) -> None:
    bench.item.contacts = []
    end = bench.one("convert", "contact: true\ndeal: {pipeline: orders}")
    assert (end.outcome, end.code) == ("failed", "no_data")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("contact: false", "choose-one"),
        ("deal: {stage: sent}", "missing-key"),
        ("deal: {pipeline: orders, stage: won}", "unknown-stage"),
        ("deal: {pipeline: orders, set: {order_no: 1}}", "unknown-field"),
        ("company: {set: {nmae: x}}", "unknown-key"),
    ],
)
def test_a_conversion_that_cannot_be_right_is_found_before(options: str, code: str) -> None:
    assert faults("convert", options) == [code]


def test_an_item_is_deleted_with_or_without_its_customer_excepted(bench: Bench) -> None:
    assert bench.one("delete_item") == DeleteItem()
    assert bench.plan("add_to_exceptions") == [AddException("ewa")]
    assert bench.plan("add_to_exceptions", "delete_item: true") == [AddException("ewa"), DeleteItem()]
    bench.item.contacts = []
    assert bench.one("add_to_exceptions", "delete_item: true").code == "no_contact"


def test_a_code_has_letters_nobody_mistakes(bench: Bench) -> None:
    code = bench.one("generate_code", 'field: voucher\nprefix: "{{ item.title }}-"')
    assert (code.field, code.length, code.prefix) == ("voucher", 8, "Roof-")
    assert not set(code.alphabet) & set("0O1IlL")
    own = bench.one("generate_code", "field: voucher\nlength: 6\nalphabet: ABCDEFGH")
    assert own == GenerateCode("voucher", 6, "ABCDEFGH")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("field: amount", "field-type"),
        ("field: voucher\nalphabet: AAB", "bad-alphabet"),
        ('field: voucher\nalphabet: "A B"', "bad-alphabet"),
        ("field: voucher\nalphabet: AB\nlength: 8", "bad-alphabet"),
    ],
)
def test_a_code_that_is_no_secret_is_found_before(options: str, code: str) -> None:
    assert faults("generate_code", options) == [code]


def test_a_resource_is_booked_from_a_field_for_an_hour(bench: Bench) -> None:
    options = 'resource: meeting-room\nstart: "{{ item.meeting_at }}"\nfield: room'
    assert bench.one("book_resource", options).because == "`start` is empty"
    bench.item.fields["meeting_at"] = "2026-03-04T12:00:00+01:00"
    start = local("2026-03-04T12:00")
    assert bench.one("book_resource", options) == Book("meeting-room", start, start + 3_600_000, "room", "anna")


def test_the_length_of_a_booking_may_come_from_a_template(bench: Bench) -> None:
    options = 'resource: meeting-room\nuser: ben\nstart: "2026-03-04T12:00"\nfield: room\nduration: "{{ item.note }}"'
    bench.item.fields["note"] = "1h30m"
    booked = bench.one("book_resource", options)
    assert (booked.end - booked.start, booked.user) == (5_400_000, "ben")
    for bad in ("0s", "long", ""):
        bench.item.fields["note"] = bad
        assert bench.one("book_resource", options).code == "bad_value"


def test_a_booking_needs_a_field_for_it() -> None:
    options = 'resource: meeting-room\nstart: "2026-03-04T12:00"\nfield: note'
    assert faults("book_resource", options) == ["field-type"]
    assert faults("cancel_booking", "field: note") == ["field-type"]


def test_a_booking_is_given_back(bench: Bench) -> None:
    assert bench.one("cancel_booking", "field: room") == CancelBooking("room")
