"""What every store must do, whatever it is made of: people, their work, administration."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from stageauto.engine.state import (
    DONE,
    RUNNING,
    UNKNOWN,
    Activity,
    Booking,
    ChatLine,
    Company,
    Contact,
    Document,
    Entry,
    Exemption,
    Journal,
    Link,
    Notice,
    Post,
    StoredFile,
    Task,
)
from stageauto.errors import UsageError
from stageauto.store import Store
from stageauto.store.records import ApiToken
from tests.store.conformance import DAY, delivery, item, put, run


class People:
    """Contacts, companies, addresses, exceptions."""

    def test_contacts_are_found_by_id_and_any_address(self, store: Store) -> None:
        ewa = Contact(
            "contact-1", first_name="Ewa", emails=[{"value": "Ewa@Example.com", "type": "work"}],
            phones=[{"value": "+48 600 100-200"}], chats=[{"value": "tg:ewa"}], visitors=["v-77"], opt_out=["*"],
        )  # fmt: skip
        twin = Contact("contact-2", emails=[{"value": "ewa@example.COM"}])
        put(store, contacts=[ewa, twin])
        assert 0 < ewa.order < twin.order
        with store.read() as state:
            assert state.contact("contact-1") == ewa
            assert list(state.find_contacts("EWA@example.com")) == ["contact-1", "contact-2"]
            for value in ("contact-1", "0048600100200", "+48600100200", "tg:ewa", "v-77"):
                assert list(state.find_contacts(value)) == ["contact-1"], value
            assert list(state.find_contacts("nobody@example.com")) == []
            assert list(state.find_contacts("")) == []

    def test_an_address_that_was_taken_away_finds_nobody(self, store: Store) -> None:
        put(store, contacts=[Contact("c", emails=[{"value": "old@x.example"}, {"value": "both@x.example"}])])
        put(store, contacts=[Contact("c", emails=[{"value": "both@x.example"}, {"value": "new@x.example"}])])
        with store.read() as state:
            assert list(state.find_contacts("old@x.example")) == []
            assert list(state.find_contacts("both@x.example")) == ["c"]
            assert list(state.find_contacts("new@x.example")) == ["c"]

    def test_contacts_are_searched_by_name_and_address(self, store: Store) -> None:
        ewa, jan = Contact("c-1", "Ewa", "Łoś"), Contact("c-2", "Jan", "Kos", phones=[{"value": "+48 600"}])
        put(store, contacts=[ewa, jan])
        with store.read() as state:
            assert state.contacts("łoś") == [ewa]
            assert state.contacts("n k") == [jan]
            assert state.contacts("48 600") == [jan]
            assert state.contacts() == [ewa, jan]
            assert state.contacts(limit=1) == [ewa]

    def test_a_company_comes_back_as_it_was_written(self, store: Store) -> None:
        company = Company("company-1", "Łąka", emails=[{"value": "x@y.example"}])
        put(store, companies=[company])
        company.name = "Łąka 2"
        put(store, companies=[company])
        with store.read() as state:
            assert state.company("company-1") == company
            assert state.companies() == [company]
            assert state.company("company-2") is None

    def test_the_exceptions_list_compares_addresses_not_spellings(self, store: Store) -> None:
        put(store, exemptions=[Exemption("email", "A@x.example", 5, "anna"), Exemption("phone", "+48 600 100 200", 6)])
        with store.transaction() as state:
            assert state.exempt(["b@x.example", "a@X.example"]) == "a@X.example"
            assert state.exempt(["0048600100200"]) == "0048600100200"
            assert state.exempt(["b@x.example"]) is None
            assert state.exempt([]) is None
            state.count_dropped("a@x.example")
            assert state.exemptions() == [
                Exemption("email", "A@x.example", 5, "anna", dropped=1), Exemption("phone", "+48 600 100 200", 6),
            ]  # fmt: skip
            assert state.remove_exemption("a@X.EXAMPLE") == 1
            assert state.remove_exemption("a@X.EXAMPLE") == 0
            assert state.remove_exemption("+48600100200", "email") == 0
            assert [one.kind for one in state.exemptions()] == ["phone"]

    def test_messages_are_counted_in_a_half_open_span(self, store: Store) -> None:
        put(store, messages=[("c", 10), ("c", 10), ("c", 20), ("d", 10)])
        put(store, messages=[("c", 10)])
        with store.transaction() as state:
            assert state.messages_between("c", 10, 20) == 3
            assert state.messages_between("c", 10, 21) == 4
            assert state.messages_between("c", 11, 20) == 0


class Work:
    """Tasks, activities, notices, posts, bookings."""

    def test_open_tasks_are_those_that_rules_made(self, store: Store) -> None:
        one = Task("t-1", "deal-1", "call", "new", "Call", assignee="anna", checklist=[{"text": "x", "done": False}])
        other, own, done = (
            Task("t-2", "deal-1", "call", "won", "Ship"), Task("t-3", "deal-1", "", "new", "Mine", assignee="anna"),
            Task("t-4", "deal-1", "call", "new", "Old", status="done", completed_at=5, completed_by="anna"),
        )  # fmt: skip
        put(store, tasks=[one, other, own, done])
        with store.transaction() as state:
            assert list(state.open_tasks("deal-1")) == [one, other]
            assert list(state.open_tasks("deal-1", "won")) == [other]
            assert list(state.open_tasks("deal-2")) == []
            assert state.task("t-4") == done
            assert state.task("t-5") is None
            assert state.tasks(assignee="anna", status="open") == [one, own]
            assert state.tasks(item="deal-1", limit=2) == [one, other]

    def test_a_finished_task_is_no_longer_open(self, store: Store) -> None:
        task = Task("t-1", "deal-1", "call", "new", "Call")
        put(store, tasks=[task])
        put(store, tasks=[replace(task, status="done")])
        with store.transaction() as state:
            assert list(state.open_tasks("deal-1")) == []

    def test_open_activities_are_those_not_over(self, store: Store) -> None:
        one = Activity("a-1", "deal-1", "call", "new", "call", "Ring", attendees=["anna"], start=5, end=6)
        over = replace(one, id="a-2", status="done")
        put(store, activities=[one, over])
        with store.transaction() as state:
            assert list(state.open_activities("deal-1")) == [one]
            assert state.activities() == [one, over]

    def test_notices_are_read_by_their_user(self, store: Store) -> None:
        first = Notice("n-1", "deal-1", "r", "notify", "anna", "Look", at=5)
        second = Notice("n-2", "deal-1", "r", "notify", "jan", "Look", at=6, read_at=7)
        put(store, notices=[first, second])
        with store.read() as state:
            assert state.notices("anna") == [first]
            assert state.notices(unread=True) == [first]
            assert state.notices(limit=1) == [second]
            assert state.notice("n-2") == second

    def test_posts_come_in_the_order_of_writing(self, store: Store) -> None:
        first, second = Post("p-1", "deal-1", "Hi", "anna", 5), Post("p-2", "", "Re", "jan", 6, ["anna"], "p-1")
        put(store, posts=[first, second])
        with store.read() as state:
            assert state.posts() == [first, second]
            assert state.posts("deal-1") == [first]
            assert state.posts(limit=1) == [second]

    def test_bookings_that_only_touch_do_not_overlap(self, store: Store) -> None:
        one = Booking("b-1", "room", 100, 200, "deal-1", "room_field", "anna", created_at=1)
        put(store, bookings=[one, Booking("b-2", "room", 50, 300, status="cancelled"), Booking("b-3", "car", 100, 200)])
        with store.transaction() as state:
            assert list(state.bookings("room", 150, 160)) == [one]
            assert list(state.bookings("room", 0, 101)) == [one]
            assert list(state.bookings("room", 199, 500)) == [one]
            assert list(state.bookings("room", 200, 300)) == []
            assert list(state.bookings("room", 0, 100)) == []
            assert state.booking("b-1") == one
            assert state.booking("b-9") is None
            assert [made.id for made in state.all_bookings(resource="room")] == ["b-2", "b-1"]
            assert [made.id for made in state.all_bookings(status="active", item="deal-1")] == ["b-1"]
            assert [made.id for made in state.all_bookings(status="cancelled")] == ["b-2"]


class Admin:
    """Numbers, tokens, versions, pruning, checks, copies."""

    def test_numbers_count_up_by_name(self, store: Store) -> None:
        with store.transaction() as state:
            assert [state.next_number("deal"), state.next_number("deal"), state.next_number("lead")] == [1, 2, 1]
        with store.transaction() as state:
            assert state.next_number("deal") == 3

    def test_small_things_are_kept(self, store: Store) -> None:
        put(
            store,
            codes=["ABC"], tokens=[("mail", "<m@x>", "deal-1"), ("track", "<m@x>", "deal-2")],
            assigned=[("sales", "anna"), ("sales", "jan")],
        )  # fmt: skip
        with store.transaction() as state:
            assert state.code_known("ABC")
            assert not state.code_known("abc")
            assert state.item_of_token("mail", "<m@x>") == "deal-1"
            assert state.item_of_token("track", "<m@x>") == "deal-2"
            assert state.item_of_token("call", "<m@x>") is None
            assert state.last_assigned("sales") == "jan"
            assert state.last_assigned("support") is None
            state.meta_set("a", "1")
            state.meta_set("a", "2")
            assert state.meta_get("a") == "2"
            state.meta_set("a", None)
            assert state.meta_get("a") is None

    def test_one_version_is_in_force(self, store: Store) -> None:
        with store.transaction() as state:
            assert state.active_version() is None
            assert state.active_number() == 0
            assert state.add_version({"workspace.yaml": "a: ż"}, "anna", 5, "first") == 1
            assert state.active_version() is None
            assert state.add_version({}, "jan", 6) == 2
            state.set_active(1)
            state.set_active(2)
            state.set_active(1)
        with store.read() as state:
            active = state.active_version()
            assert active is not None
            assert (active.n, active.loaded_at, active.author, active.files, active.note, active.active) == (
                1, 5, "anna", {"workspace.yaml": "a: ż"}, "first", True,
            )  # fmt: skip
            assert [(one.n, one.active) for one in state.versions()] == [(1, True), (2, False)]
            assert state.active_number() == 1
            assert state.version(3) is None

    def test_a_version_that_is_not_there_cannot_be_in_force(self, store: Store) -> None:
        with store.transaction() as state:
            state.set_active(state.add_version({}, "anna", 5))
        with pytest.raises(UsageError, match="no version 7"), store.transaction() as state:
            state.set_active(7)
        with store.read() as state:
            assert state.active_number() == 1

    def test_documents_are_kept_with_their_files_and_found_by_number(self, store: Store) -> None:
        paper = Document(
            "document-12", "deal-1", "offer", "offer", "Offer", "OF-2026-0001", 7, "<p>x", "file-1", "offer",
            [{"role": "sender", "who": "anna", "name": "Anna", "asked_at": 8}], sent_at=9,
        )  # fmt: skip
        other = replace(paper, id="document-2", number="OF-2026-0002", file="file-2", signed_file="file-3")
        files = [StoredFile(f"file-{n}", "deal-1", f"{n}.pdf", "application/pdf", 7) for n in (1, 2, 3)]
        put(store, items=[item("deal-1")], documents=[paper, other], files=files)
        with store.read() as state:
            assert state.document("document-12") == paper
            assert state.documents("deal-1") == [paper, other]
            assert state.documents("deal-2") == []
            assert state.files("deal-1") == files
            assert state.document_of_file("file-3") == other
            assert state.document_of_file("file-9") is None
            for part in ("document-12", "12", "OF-2026-0001"):
                assert state.resolve_document(part) == ["document-12"], part
            assert state.resolve_document("2") == ["document-2"]
            assert state.resolve_document("1") == []
        put(store, documents=[replace(paper, opened_at=10)])
        with store.read() as state:
            assert [one.opened_at for one in state.documents("deal-1")] == [10, None]

    def test_the_first_content_of_a_file_stays(self, store: Store) -> None:
        put(store, items=[item("deal-1")], files=[StoredFile("file-1", "deal-1", "a.pdf", "application/pdf", 1)])
        with store.read() as state:
            assert [one.id for one in state.unmade_files()] == ["file-1"]
            assert state.content("file-1") is None
        with store.transaction() as writing:
            first = writing.fill_file("file-1", b"one")
            assert writing.fill_file("file-1", b"another") == first
            assert writing.fill_file("file-9", b"nobody's") == ""
        with store.read() as state:
            assert state.content("file-1") == b"one"
            kept = state.stored_file("file-1")
            assert kept is not None
            assert (kept.hash, kept.size, state.unmade_files()) == (first, 3, [])

    def test_a_number_that_was_counted_up_is_known(self, store: Store) -> None:
        with store.transaction() as state:
            assert state.last_number("document OF") == 0
            state.next_number("document OF")
            state.next_number("document OF")
            assert state.last_number("document OF") == 2

    def test_documents_and_files_go_with_their_item_when_it_is_pruned(self, store: Store) -> None:
        gone, kept = item("deal-1", deleted=True), item("deal-2")
        files = [
            StoredFile("file-1", "deal-1", "a", "x/y", 1, "aa", 3),
            StoredFile("file-2", "deal-1", "b", "x/y", 1, "bb", 3),
            StoredFile("file-3", "deal-2", "b", "x/y", 1, "bb", 3),
        ]  # fmt: skip
        paper = Document("document-1", "deal-1", "r", "t", "n", "1", 1, "", "file-1")
        contents = [("aa", b"one"), ("bb", b"two")]
        put(store, items=[gone, kept], files=files, contents=contents, documents=[paper])
        with store.transaction() as state:
            state.prune(99 * DAY)
        with store.read() as state:
            assert (state.documents("deal-1"), state.files("deal-1")) == ([], [])
            assert (state.content("file-1"), state.content("file-3")) == (None, b"two")

    def test_pruning_leaves_what_lives(self, store: Store) -> None:
        living, closed, gone = item("open"), item("closed", closed=True), item("gone", deleted=True, contacts=["c"])
        kept = run(living, "mail", 1, state=RUNNING)
        put(
            store,
            items=[living, closed, gone, item("last")],
            entries=[Entry(DAY, "x", "open", ""), Entry(DAY, "x", "closed", ""), Entry(DAY, "x", "gone", ""),
                     Entry(9 * DAY, "x", "closed", "")],
            journal=[Journal(key, "app.x", DAY, "", "", None, None, {}, outcome) for key, outcome in
                     (("old", "moved"), ("waits", "queued"), ("newest", "moved"))],
            deliveries=[
                replace(delivery("sent", state=DONE), item="closed", run="x"), delivery("unknown", state=UNKNOWN),
                replace(delivery("of-living", state=DONE), item="open", run=kept.id), delivery("newest", state=DONE),
            ],
            tasks=[Task("t", "gone", "r", "s", "x")],
            notices=[Notice("n-1", "open", "r", "d", "anna", "x", at=1, read_at=2),
                     Notice("n-2", "open", "r", "d", "anna", "x")],
            messages=[("c", 1), ("c", 5 * DAY)],
            bookings=[Booking("b-1", "room", 1, 2), Booking("b-2", "room", 1, 5 * DAY)],
            tokens=[("mail", "t", "gone")], links=[Link("aa", "link", "https://a.test", "gone", "r", 1)],
            chat_lines=[ChatLine("c", 1, "", "x"), ChatLine("c", 5 * DAY, "", "y")],
        )  # fmt: skip
        with store.transaction() as state:
            counts = state.prune(2 * DAY)
            assert state.link("aa") is None
        assert counts == dict.fromkeys(
            ("events", "notices", "bookings", "messages", "outbox", "items", "chat_lines"), 1
        ) | {"timeline": 2}
        with store.transaction() as state:
            assert [one.id for one in state.items(include_deleted=True)] == ["open", "closed", "last"]
            assert [one.item for one in state.timeline()] == ["open", "closed"]
            assert [one.id for one in state.journal()] == ["waits", "newest"]
            assert [one.id for one in state.deliveries()] == ["unknown", "of-living", "newest"]
            assert [one.id for one in state.notices()] == ["n-2"]
            assert [one.id for one in state.all_bookings()] == ["b-2"]
            assert state.messages_between("c", 0, 9 * DAY) == 1
            assert state.item_of_token("mail", "t") is None
            assert state.integrity_check() == []

    def test_numbers_are_not_given_again_after_pruning(self, store: Store) -> None:
        event = Journal("e", "app.x", 1, "", "", None, None, {}, "moved")
        line = Entry(1, "x", "", "")
        put(store, journal=[event], entries=[line])
        with store.transaction() as state:
            before = state.order_base()
            state.prune(9 * DAY)
        later, next_line = replace(event, id="f", seq=0), msgspec.structs.replace(line, seq=0)
        put(store, journal=[later], entries=[next_line])
        assert later.seq > event.seq
        assert next_line.seq > line.seq
        with store.transaction() as state:
            assert state.order_base() > before

    def test_a_sound_state_has_no_findings(self, store: Store) -> None:
        put(store, items=[item()], entries=[Entry(1, "x", "deal-1", "")], deliveries=[delivery("d")])
        with store.read() as state:
            assert state.integrity_check() == []

    def test_a_copy_in_memory_is_its_own(self, store: Store) -> None:
        put(store, items=[item()])
        copy = store.copy_to_memory()
        put(copy, items=[item("deal-2"), item("deal-1", stage="won")])
        with copy.read() as state:
            assert [(one.id, one.stage) for one in state.items()] == [("deal-1", "won"), ("deal-2", "new")]
        with store.read() as state:
            assert [(one.id, one.stage) for one in state.items()] == [("deal-1", "new")]
        assert copy.state_id == store.state_id
        copy.close()

    def test_a_new_state_may_send_and_knows_its_id(self, store: Store) -> None:
        assert not store.restored
        assert store.state_id == "0123abc"


class Listening:
    """What the listener keeps: personal links, keys to it, lines of chats."""

    def test_a_link_is_found_by_the_hash_of_its_token(self, store: Store) -> None:
        link = Link("ab" * 32, "link", "https://acme.test/", "deal-1", "deal-1.1.mail", 7, {"rule": "mail"})
        put(store, links=[link])
        put(store, links=[replace(link, target="https://acme.test/new")])
        with store.read() as state:
            assert state.link("ab" * 32) == replace(link, target="https://acme.test/new")
            assert state.link("cd" * 32) is None

    def test_the_secret_of_links_is_made_at_its_first_use(self, store: Store) -> None:
        for offered in ("first", "second"):
            with store.transaction() as state:
                assert state.link_secret(lambda offered=offered: offered) == "first"  # type: ignore[misc]

    def test_keys_to_the_listener_are_kept_and_taken_away(self, store: Store) -> None:
        keys = [ApiToken("aa", "token-1", "anna", 5, "olga", "shop"), ApiToken("bb", "token-2", "jan", 6)]
        with store.transaction() as state:
            for one in keys:
                state.add_api_token(one)
        with store.read() as state:
            assert state.api_tokens() == keys
            assert state.api_token("bb") == keys[1]
            assert state.api_token("token-2") is None
        with store.transaction() as state:
            assert state.remove_api_token("token-1")
            assert not state.remove_api_token("token-1")
            assert state.api_tokens() == keys[1:]

    def test_the_lines_of_a_chat_come_in_order(self, store: Store) -> None:
        said = [("c1", "", "Hello"), ("c2", "", "Hi"), ("c1", "anna", "Yes?"), ("c1", "", "A roof")]
        put(store, chat_lines=[ChatLine(chat, at, who, text, "chat") for at, (chat, who, text) in enumerate(said)])
        with store.read() as state:
            first = state.chat_lines("c1")
            assert [(one.author, one.text) for one in first] == [("", "Hello"), ("anna", "Yes?"), ("", "A roof")]
            assert [one.text for one in state.chat_lines("c1", after_seq=first[0].seq)] == ["Yes?", "A roof"]
            assert [one.text for one in state.chat_lines("c1", limit=1)] == ["A roof"]
            assert [(one.chat, one.text) for one in state.chats()] == [("c1", "A roof"), ("c2", "Hi")]
