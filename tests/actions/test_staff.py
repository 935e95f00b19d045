"""What rules make for staff: tasks, activities, appointments, notifications, posts, comments."""

from __future__ import annotations

import pytest

from stageauto.engine.durations import Duration
from stageauto.engine.effects import (
    Comment,
    CompleteTasks,
    CreateActivity,
    CreateTask,
    End,
    LogEntry,
    Notify,
    NotSent,
    PostToFeed,
    Send,
)
from tests.actions.conftest import NOW, Bench, faults, local


def test_a_task_goes_to_who_is_responsible(bench: Bench) -> None:
    assert bench.one("create_task", 'title: "Call {{ contact.first_name }}"') == CreateTask(
        title="Call Ewa", assignee="anna", participants=[], observers=[], checklist=[], tags=[]
    )


def test_a_task_has_everything_a_task_can_have(bench: Bench) -> None:
    options = """
        title: Measure
        description: "For {{ item.title }}"
        assignee: manager
        participants: [responsible, {user: ben}]
        observers: {role: admin}
        deadline: "2026-03-05"
        priority: high
        checklist: [Ladder, "{{ item.title }}"]
        tags: outside
    """
    assert bench.one("create_task", options) == CreateTask(
        title="Measure",
        description="For Roof",
        assignee="olga",
        participants=["anna", "ben"],
        observers=["olga"],
        deadline=local("2026-03-05T00:00"),
        priority="high",
        checklist=["Ladder", "Roof"],
        tags=["outside"],
    )


@pytest.mark.parametrize(
    ("span", "until"),
    [("2d", "2026-03-04T09:00"), ("5wd", "2026-03-09T09:00"), ("9wh", "2026-03-03T10:00"), ("90m", "2026-03-02T10:30")],
)
def test_a_deadline_may_be_counted_from_now(bench: Bench, span: str, until: str) -> None:
    assert bench.one("create_task", f"title: x\nin: {span}").deadline == local(until)


def test_a_deadline_may_stand_in_a_field(bench: Bench) -> None:
    options = 'title: x\ndeadline: "{{ item.meeting_at }}"'
    assert bench.one("create_task", options).deadline is None
    bench.item.fields["meeting_at"] = "2026-03-04T12:00:00+01:00"
    assert bench.one("create_task", options).deadline == local("2026-03-04T12:00")


@pytest.mark.parametrize(
    "options",
    ["deadline: \"{{ 'tomorrow' }}\"", 'in: "{{ item.note }}"', 'assignee: "{{ item.note }}"'],
    ids=["day", "span", "user"],
)
def test_a_task_that_cannot_be_made_fails_with_a_sentence(bench: Bench, options: str) -> None:
    bench.item.fields["note"] = "zzz"
    end = bench.one("create_task", f"title: x\n{options}")
    assert isinstance(end, End)
    assert (end.outcome, end.code) == ("failed", "bad_value")
    assert options.split(":", maxsplit=1)[0] in end.because
    assert "zzz" in end.because or "tomorrow" in end.because


def test_a_task_without_anybody_responsible_is_nobodys_yet(bench: Bench) -> None:
    bench.item.responsible = None
    assert bench.one("create_task", "title: x").assignee is None


@pytest.mark.parametrize("do", ["create_task", "create_activity"])
def test_a_deadline_is_given_once(do: str) -> None:
    first, when = ("title: x", "deadline") if do == "create_task" else ("subject: x", "due")
    assert faults(do, f'{first}\n{when}: "2026-03-05"\nin: 2d') == ["choose-one"]


def test_tasks_of_one_stage_or_of_all_are_completed(bench: Bench) -> None:
    assert bench.one("complete_tasks") == CompleteTasks(None)
    assert bench.one("complete_tasks", "stage: new") == CompleteTasks("new")


def test_an_activity_stands_in_the_plan(bench: Bench) -> None:
    options = (
        'subject: "Check {{ item.title }}"\nimportant: true\ncomplete_on_stage_change: true\nin: 1d\nresponsible: ben'
    )
    assert bench.one("create_activity", options) == CreateActivity(
        kind="activity",
        subject="Check Roof",
        important=True,
        complete_on_stage_change=True,
        responsible="ben",
        due=local("2026-03-03T09:00"),
    )
    assert bench.one("create_activity", "subject: x\ndue: \"{{ 'never' }}\"").code == "bad_value"
    assert bench.one("create_activity", 'subject: x\nresponsible: "{{ item.title }}"').code == "bad_value"


def test_a_call_is_planned_told_and_put_into_calendars(bench: Bench) -> None:
    activity, told, invitation = bench.plan("schedule_call", 'subject: "Call {{ contact.first_name }}"\nin: 1d')
    start = local("2026-03-03T09:00")
    assert activity == CreateActivity(
        kind="call", subject="Call Ewa", responsible="anna", attendees=["anna"], start=start, end=start + 1_800_000
    )
    assert told == Notify(["anna"], "Call: Call Ewa, 2026-03-03 09:00")
    assert isinstance(invitation, Send)
    assert (invitation.kind, invitation.channel, invitation.to) == ("calendar", "mail", "anna@acme.test")
    assert invitation.contact is None
    assert set(invitation.message) == {"ics", "to", "subject"}
    assert "DTSTART:20260303T080000Z\r\nDTEND:20260303T083000Z\r\n" in invitation.message["ics"]


def test_a_meeting_takes_an_hour_and_invites_the_customer(bench: Bench) -> None:
    options = """
        subject: "Measure, then talk; {{ item.title }}"
        start: "2026-03-04T12:00"
        place: At the customer's
        attendees: [responsible, customer, {user: ben}]
    """
    activity, told, *invitations = bench.plan("schedule_meeting", options)
    assert activity.attendees == ["anna", "ben", "ewa@home.test"]
    assert activity.end - activity.start == 3_600_000
    assert told == Notify(["anna", "ben"], "Meeting: Measure, then talk; Roof, 2026-03-04 12:00, At the customer's")
    assert [(one.to, one.contact) for one in invitations] == [("anna@acme.test", None), ("ewa@home.test", "ewa")]
    text = invitations[0].message["ics"]
    assert "SUMMARY:Measure\\, then talk\\; Roof\r\n" in text
    assert 'ORGANIZER;CN="Anna Nowak":mailto:anna@acme.test\r\n' in text
    assert text.count("ATTENDEE;") == 2


def test_the_same_decision_makes_the_same_invitation(bench: Bench) -> None:
    first = bench.plan("schedule_call", "subject: x\nin: 1d")[-1]
    second = bench.plan("schedule_call", "subject: x\nin: 1d")[-1]
    assert first == second
    assert f"UID:deal-1-7-{NOW}@stageauto\r\n" in first.message["ics"]


def test_a_customer_without_an_address_is_told_of_and_the_meeting_stands(bench: Bench) -> None:
    bench.contacts[0].emails = []
    effects = bench.plan("schedule_meeting", "subject: x\nin: 1d\nattendees: [customer, {user: ben}]")
    assert [type(one) for one in effects] == [CreateActivity, Notify, NotSent]
    assert effects[-1].because == "no e-mail for Ewa Lis"


def test_a_meeting_of_nobody_still_stands_in_the_plan(bench: Bench) -> None:
    bench.item.responsible = None
    activity = bench.one("schedule_meeting", "subject: x\nin: 1d")
    assert (activity.responsible, activity.attendees) == (None, [])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ('start: "{{ item.meeting_at }}"', "`start` is empty"),
        ("start: \"{{ 'soon' }}\"", "`start` is no moment"),
        ('start: "2026-03-04T12:00"\nduration: "{{ item.title }}"', "`duration` cannot be counted"),
    ],
)
def test_a_meeting_without_a_time_fails(bench: Bench, options: str, sentence: str) -> None:
    end = bench.one("schedule_meeting", f"subject: x\n{options}")
    assert (end.outcome, end.code) == ("failed", "bad_value")
    assert sentence in end.because


@pytest.mark.parametrize("options", ["place: here", 'in: 1d\nstart: "2026-03-04T12:00"'])
def test_an_appointment_has_one_beginning(options: str) -> None:
    assert faults("schedule_call", f"subject: x\n{options}") == ["choose-one"]


def test_a_notification_goes_to_each_user_once(bench: Bench) -> None:
    options = 'text: "{{ item.title }}!"\nas: "The\\npipeline"\nto: [responsible, manager, {role: sales}]'
    assert bench.one("notify", options) == Notify(["anna", "olga"], "Roof!", "The pipeline")


@pytest.mark.parametrize(
    ("do", "options", "sentence"),
    [
        ("notify", "text: x", "nobody is responsible for the item"),
        ("notify", "text: x\nto: {role: nobody}", "nobody has the role nobody"),
        ("control", "for: 1d\ntext: x", "the responsible has no manager"),
        ("post_to_feed", "text: x\nto: manager", "the responsible has no manager"),
    ],
)
def test_a_notification_for_nobody_is_undeliverable(bench: Bench, do: str, options: str, sentence: str) -> None:
    bench.item.responsible = None
    end = bench.one(do, options)
    assert end == End("undeliverable", "no_recipient", sentence)


def test_control_has_its_own_time_and_tells_the_manager(bench: Bench) -> None:
    action = bench.action("control", "for: 3d\ntext: x")
    assert (action.own_time, action.delay_from_entry()) == (True, Duration(days=3))
    assert bench.one("control", 'for: 3d\ntext: "{{ item.title }}"') == Notify(["olga"], "Roof")


def test_control_is_told_for_how_long() -> None:
    assert faults("control", "text: x") == ["missing-key"]
    assert faults("control", "text: x\nfor: 0s") == ["bad-duration"]


def test_a_post_is_for_everybody_unless_said_otherwise(bench: Bench) -> None:
    assert bench.one("post_to_feed", "text: Won!") == PostToFeed("Won!", [])
    assert bench.one("post_to_feed", "text: Won!\nto: [manager]") == PostToFeed("Won!", ["olga"])


def test_comments_and_log_entries_are_rendered(bench: Bench) -> None:
    assert bench.one("add_comment", 'text: "It is {{ item.title }}"') == Comment("It is Roof")
    assert bench.one("add_log_entry", 'text: "It is {{ item.title }}"') == LogEntry("It is Roof")


def test_staff_messages_go_to_staff_only() -> None:
    assert faults("notify", "text: x\nto: customer") == ["bad-recipient"]
    assert faults("create_task", "title: x\nobservers: ewa@home.test") == ["bad-recipient"]
