"""Tasks, inbox, feed, bookings, customers, the exceptions list, the audit log."""

from __future__ import annotations


def test_a_task_is_listed_and_completed(cli):
    cli("add", "deals", "-t", "A", "--set", "amount=5000")
    [task] = cli("tasks", "--assignee", "anna", "--json").json
    assert (task["title"], task["status"], task["item"]) == ("Call them", "open", "deal-1")
    assert "Call them" in cli("tasks").out
    assert cli("task", "done", "1", "--json").json["status"] == "done"
    assert cli("tasks", "--json").json == []
    assert cli("tasks", "--all", "--json").json[0]["completed_by"] == "olga"
    assert cli("task", "done", "1").code == 2


def test_a_planned_call_is_listed_and_what_waits_for_it_follows(cli, root):
    (root / "pipelines/leads.yaml").write_text(
        """\
pipeline: leads
entity: lead
stages:
  - id: fresh
    rules:
      - {id: call, do: schedule_call, with: {subject: "Call {{ item.title }}", in: 2d, attendees: [{user: anna}]}}
      - {id: think, do: create_activity, with: {subject: Think, important: true, responsible: anna}}
  - id: met
    triggers: [{id: called, event: activity.completed, where: {kind: call}}]
""",
        "utf-8",
    )
    cli("load", "--yes")
    cli("add", "leads", "-t", "Ewa", "--responsible", "olga")
    listed = {one["kind"]: one for one in cli("tasks", "--json").json}
    assert (listed["call"]["title"], listed["call"]["attendees"]) == ("Call Ewa", ["anna"])
    assert (listed["activity"]["assignee"], listed["activity"]["priority"]) == ("anna", "high")
    assert len(cli("tasks", "--assignee", "anna", "--json").json) == 2
    assert "Call Ewa (call)" in cli("tasks").out
    assert cli("task", "done", listed["call"]["id"], "--json").json["status"] == "done"
    assert cli("items", "--json").json[0]["stage"] == "met"
    assert "call done: Call Ewa" in cli("timeline").out
    assert [one["kind"] for one in cli("tasks", "--json").json] == ["activity"]
    assert cli("task", "done", listed["call"]["id"]).code == 2


def test_an_inbox_shows_ones_own_notifications_until_they_are_read(cli):
    cli("add", "deals", "-t", "A", "-s", "quote", "--responsible", "anna", "--contact", "email=ewa@home.test")
    assert [one["text"] for one in cli("inbox", "--as", "anna", "--json").json] == ["Quote sent"]
    assert cli("inbox", "--json").json == []
    assert [one["user"] for one in cli("inbox", "anna", "--json").json] == ["anna"]
    cli("inbox", "anna", "--read")
    assert len(cli("inbox", "--as", "anna", "--unread", "--json").json) == 1
    cli("inbox", "--read", "--as", "anna")
    assert cli("inbox", "--as", "anna", "--unread", "--json").json == []


def test_people_comment_on_posts_of_the_feed(cli):
    cli("add", "deals", "-t", "A")
    cli("add", "deals", "-t", "B")
    assert cli("feed", "comment", "post-1", "well [done]", "--as", "anna").code == 0
    posts = cli("feed", "--json").json
    assert [(one["text"], one["author"], one["parent"]) for one in posts] == [
        ("New: A", "rule:welcome", None), ("well [done]", "anna", "post-1"), ("New: B", "rule:welcome", None),
    ]  # fmt: skip
    assert "> well [done]" in cli("feed", "--item", "1").out
    assert cli("feed", "comment", "post-1", " ").code == 2
    assert cli("feed", "comment", "post-9", "x").code == 2


def test_a_resource_is_booked_once_and_a_clash_says_who_has_it(cli):
    cli("add", "deals", "-t", "A")
    made = cli("book", "room", "2030-01-10T09:00", "1h", "--item", "1", "--field", "room", "--json").json
    assert (made["start"], made["end"], made["item"]) == ("2030-01-10T08:00:00Z", "2030-01-10T09:00:00Z", "deal-1")
    assert cli("items", "--json").json[0]["fields"] == {"room": made["id"]}
    assert "end is not after" in cli("book", "room", "2030-01-10T12:00", "2030-01-10T11:00").err
    taken = cli("book", "room", "2030-01-10T09:30", "2030-01-10T10:30")
    assert taken.code == 2
    assert "Meeting room is taken: deal-1" in taken.err
    assert cli("book", "room", "2030-01-10T10:00", "1h", "--user", "anna").code == 0
    assert [one["user"] for one in cli("bookings", "--json").json] == [None, "anna"]
    assert cli("bookings", "--to", "2029-01-01", "--json").json == []
    assert "did you mean `room`?" in cli("book", "rooms", "1h", "1h").err


def test_customers_are_found_by_part_of_a_name_or_address(cli):
    cli("add", "deals", "-t", "A", "--contact", "email=ewa@home.test", "--contact", "name=Ewa Kos")
    cli("add", "deals", "-t", "B", "--contact", "phone=+48 600 100 200")
    assert [one["name"] for one in cli("contacts", "KOS", "--json").json] == ["Ewa Kos"]
    assert len(cli("contacts", "--json").json) == 2
    assert "+48 600 100 200" in cli("contacts").out


def test_what_a_customer_says_by_phone_is_written_down_by_hand(cli):
    """That they want no texts, another address, in which language they speak."""
    cli("add", "deals", "-t", "Roof", "--contact", "email=ewa@home.test", "--contact", "first_name=Ewa")
    done = cli("contact", "set", "ewa@home.test", "opt_out=sms, call", "language=pl", "phone=+48 600 100 200")
    assert (done.code, done.out.strip()) == (0, "contact-1 is set: Ewa")
    changed = cli("contact", "set", "Ewa", "email=ewa@work.test", "timezone=Asia/Tokyo", "--json").json
    assert (changed["opt_out"], changed["language"], changed["timezone"]) == (["sms", "call"], "pl", "Asia/Tokyo")
    assert [one["value"] for one in changed["emails"]] == ["ewa@home.test", "ewa@work.test"]
    assert "(opted out of sms, call)" in cli("show", "1").out
    assert "contact contact-1 changed: opt_out, language, phones" in cli("timeline", "1").out
    assert cli("audit", "--last", "1", "--json").json[0]["action"] == "contact set"
    assert cli("contact", "set", "contact-1", "opt_out=all", "--json").json["opt_out"] == ["*"]
    assert cli("contact", "set", "contact-1", "opt_out=", "emails=", "--json").json["emails"] == []


def test_what_no_customer_can_have_is_refused(cli):
    cli("add", "deals", "-t", "A", "--contact", "email=ewa@home.test")
    wrong = {
        "optout=sms": "did you mean `opt_out`?",
        "opt_out=fax": "nobody can opt out of `fax`",
        "email=x": "is no e-mail",
        "phone=x": "is no phone number",
        "email=": "write emails= to take them all away",
        "timezone=Mars": "no time zone",
    }
    for words, said in wrong.items():
        done = cli("contact", "set", "contact-1", words)
        assert (done.code, said in done.err) == (2, True), done
    assert cli("contact", "set", "nobody", "opt_out=all").code == 2
    assert cli("contacts", "--json").json[0]["opt_out"] == []


def test_who_works_with_a_customer_may_change_what_is_known_of_them(cli):
    cli("add", "deals", "-t", "A", "--contact", "email=ewa@home.test")
    cli("add", "leads", "-t", "B", "--contact", "email=jan@home.test")
    assert cli("contact", "set", "ewa@home.test", "opt_out=all", "--as", "anna").code == 0
    assert cli("contact", "set", "jan@home.test", "opt_out=all", "--as", "anna").code == 5
    assert cli("contact", "set", "ewa@home.test", "opt_out=", "--as", "peter").code == 5
    assert [one["opt_out"] for one in cli("contacts", "--json").json] == [["*"], []]


def test_addresses_are_put_on_the_exceptions_list_and_taken_off(cli):
    assert cli("exceptions", "add", "Ewa@home.test", "--json").json["kind"] == "email"
    assert cli("exceptions", "add", "+48 600 100 200", "--json").json["kind"] == "phone"
    assert cli("exceptions", "add", "nonsense").code == 2
    assert [one["author"] for one in cli("exceptions", "--json").json] == ["olga", "olga"]
    assert cli("exceptions", "remove", "ewa@home.test", "--json").json == {"removed": 1}
    assert cli("exceptions", "remove", "ewa@home.test").code == 2
    assert "+48 600 100 200" in cli("exceptions").out


def test_the_audit_log_says_who_did_what_to_what(cli):
    cli("add", "deals", "-t", "A", "--as", "anna")
    cli("move", "1", "won")
    cli("hold", "1", "--as", "anna")
    cli("exceptions", "remove", "nobody@home.test")  # is not there: nothing was done
    lines = cli("audit", "--json").json
    assert [(one["author"], one["action"], one["target"]) for one in lines[1:3]] == [
        ("anna", "add", "deal-1"), ("olga", "move", "deal-1"),
    ]  # fmt: skip
    assert lines[2]["data"] == {"to": "won"}
    assert (lines[3]["author"], lines[3]["action"]) == ("anna", "refused: hold")
    assert len(lines) == 4
    assert len(cli("audit", "--last", "1", "--json").json) == 1
