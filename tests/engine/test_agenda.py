"""An agenda gives everything that was noted, the earliest first, whatever way it came in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stageauto.engine.agenda import Agenda, Key

KEYS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["a", "b"]))


def as_read(keys: list[Key]) -> list[Key]:
    """As a state gives them: in order of moment and number, in none where both are the same."""
    return sorted(keys, key=lambda key: key[:2])


DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("note"), KEYS),
        st.tuples(st.just("read"), st.lists(KEYS, max_size=4).map(as_read)),
        st.tuples(st.just("take"), st.integers(-1, 10)),
        st.tuples(st.just("first"), st.none()),
    ),
    max_size=30,
)


@given(DEEDS)
def test_it_gives_what_a_sorted_list_would(deeds):
    agenda, plain = Agenda(), list[Key]()
    for what, given_ in deeds:
        if what == "note":
            agenda.note(given_)
            plain.append(given_)
        elif what == "read":
            agenda.note_in_order(given_)
            plain += given_
        elif what == "first":
            assert agenda.first() == min(plain, default=None)
        else:
            due = [key for key in plain if key[0] <= given_]
            expected = min(due, default=None)
            assert agenda.take(given_) == expected
            if expected is not None:
                plain.remove(expected)
    for expected in sorted(plain):
        assert agenda.take(10) == expected
    assert agenda.take(10) is None


def test_what_lies_far_ahead_is_left_alone_until_its_time():
    agenda = Agenda()
    agenda.note((100, 1, "later"))
    agenda.note_in_order([(1, 2, "now"), (2, 1, "soon")])
    assert agenda.take(5) == (1, 2, "now")
    assert agenda.take(5) == (2, 1, "soon")
    assert agenda.take(5) is None
    assert agenda.first() == (100, 1, "later")
    assert agenda.take(99) is None
    assert agenda.take(100) == (100, 1, "later")


def test_deadlines_of_one_moment_come_in_one_order_whether_they_were_read_or_noted():
    deadlines = [(5, 0, name) for name in ("deal-2", "deal-10", "deal-1")]
    read, noted = Agenda(), Agenda()
    read.note_in_order(deadlines)
    for key in deadlines:
        noted.note(key)
    assert [read.take(5) for _ in deadlines] == [noted.take(5) for _ in deadlines] == sorted(deadlines)
