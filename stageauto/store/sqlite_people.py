"""Customers: contacts, companies, their addresses, and who is not to be written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stageauto.engine.addresses import normal
from stageauto.engine.state import Company, Contact, Exemption
from stageauto.store.codec import Codec
from stageauto.store.sqlite_base import Base

_contact: Codec[Contact] = Codec(Contact, ("id", "order"))
_company: Codec[Company] = Codec(Company, ("id", "order"))
_FIND = """SELECT key FROM contacts WHERE key = :given
    OR id IN (SELECT contact FROM addresses WHERE value = :normal) ORDER BY id"""
_EXEMPTION = "SELECT kind, written, added_at, author, dropped FROM exemptions"
_PUT_EXEMPTION = """INSERT INTO exemptions (value, kind, written, added_at, author, dropped) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (value, kind) DO UPDATE SET dropped = dropped + excluded.dropped"""


def _addresses(contact: Contact) -> set[str]:
    listed = [*contact.emails, *contact.phones, *contact.chats]
    found = {normal(one.get("value") or "") for one in listed} | {normal(one) for one in contact.visitors}
    return found - {""}


def _words(contact: Contact) -> Iterator[str]:
    yield contact.id
    yield f"{contact.first_name} {contact.last_name}"
    for one in (*contact.emails, *contact.phones, *contact.chats):
        yield one.get("value") or ""


class PeopleReader(Base):
    """Reads customers."""

    __slots__ = ()

    def contact(self, contact_id: str) -> Contact | None:
        """The contact; a fresh object each time."""
        row = self._row("SELECT id, doc FROM contacts WHERE key = ?", contact_id)
        return None if row is None else _contact.load(row[1], id=contact_id, order=row[0])

    def company(self, company_id: str) -> Company | None:
        """The company; a fresh object each time."""
        row = self._row("SELECT id, doc FROM companies WHERE key = ?", company_id)
        return None if row is None else _company.load(row[1], id=company_id, order=row[0])

    def contacts(self, query: str = "", *, limit: int | None = None) -> list[Contact]:
        """Contacts whose id, name or an address contains the query, whatever the case; oldest first."""
        wanted = query.casefold()
        found: list[Contact] = []
        for number, key, doc in self._conn.execute("SELECT id, key, doc FROM contacts ORDER BY id"):
            if limit is not None and len(found) >= limit:
                break
            one = _contact.load(doc, id=key, order=number)
            if any(wanted in word.casefold() for word in _words(one)):
                found.append(one)
        return found

    def companies(self) -> list[Company]:
        """All companies, oldest first."""
        rows = self._all("SELECT id, key, doc FROM companies ORDER BY id")
        return [_company.load(doc, id=key, order=number) for number, key, doc in rows]

    def find_contacts(self, value: str) -> list[str]:
        """Ids of contacts with this id, e-mail (case-folded), phone (digits), chat or visitor id; oldest first."""
        rows = self._conn.execute(_FIND, {"given": value, "normal": normal(value)})
        return [row[0] for row in rows]

    def exempt(self, values: Sequence[str]) -> str | None:
        """The first of these addresses (e-mail case-folded, phone digits) that is on the exceptions list."""
        for value in values:
            if self._one("SELECT 1 FROM exemptions WHERE value = ?", normal(value)):
                return value
        return None

    def exemptions(self) -> list[Exemption]:
        """The exceptions list, oldest first."""
        rows = self._all(f"{_EXEMPTION} ORDER BY added_at, value, kind")
        return [Exemption(*row) for row in rows]

    def messages_between(self, contact_id: str, start: int, end: int) -> int:
        """Messages to this contact with start <= at < end."""
        found = self._one(
            "SELECT sum(n) FROM messages WHERE contact = ? AND at >= ? AND at < ?", contact_id, start, end
        )
        return int(found or 0)


class PeopleWriter(PeopleReader):
    """Writes customers."""

    __slots__ = ()

    def _write_contacts(self, contacts: Sequence[Contact]) -> None:
        for one in contacts:
            before = self.contact(one.id)
            doc = _contact.dump(one)
            if before is None:
                done = self._conn.execute("INSERT INTO contacts (key, doc) VALUES (?, ?)", (one.id, doc))
                one.order = int(done.lastrowid or 0)
            else:
                one.order = before.order
                self._conn.execute("UPDATE contacts SET doc = ? WHERE id = ?", (doc, one.order))
            was, now = (_addresses(before) if before else set()), _addresses(one)
            self._conn.executemany(
                "DELETE FROM addresses WHERE value = ? AND contact = ?",
                [(value, one.order) for value in sorted(was - now)],
            )
            self._conn.executemany(
                "INSERT INTO addresses (value, contact) VALUES (?, ?)",
                [(value, one.order) for value in sorted(now - was)],
            )

    def _write_companies(self, companies: Sequence[Company]) -> None:
        for one in companies:
            row = self._conn.execute(
                "INSERT INTO companies (key, doc) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET doc = excluded.doc RETURNING id",
                (one.id, _company.dump(one)),
            ).fetchone()
            one.order = row[0]

    def _write_exemptions(self, exemptions: Sequence[Exemption]) -> None:
        self._conn.executemany(
            _PUT_EXEMPTION,
            [(normal(one.value), one.kind, one.value, one.added_at, one.author, one.dropped) for one in exemptions],
        )

    def remove_exemption(self, value: str, kind: str | None = None) -> int:
        """Takes the address off the exceptions list, of one kind or of both; gives how many entries went."""
        sql = "DELETE FROM exemptions WHERE value = ? AND kind = coalesce(?, kind)"
        return self._conn.execute(sql, (normal(value), kind)).rowcount

    def count_dropped(self, value: str) -> None:
        """Notes that a message to this address was dropped because of the list."""
        self._conn.execute("UPDATE exemptions SET dropped = dropped + 1 WHERE value = ?", (normal(value),))

    def _write_messages(self, messages: Sequence[tuple[str, int]]) -> None:
        self._conn.executemany(
            "INSERT INTO messages (contact, at, n) VALUES (?, ?, 1) ON CONFLICT (contact, at) DO UPDATE SET n = n + 1",
            messages,
        )
