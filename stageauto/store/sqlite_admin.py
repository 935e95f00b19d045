"""Small things and the administrator's: numbers, codes, tokens, notes, versions of the configuration, checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stageauto.engine.state import ChatLine, Link
from stageauto.errors import UsageError
from stageauto.store.codec import dumps, parse
from stageauto.store.records import ApiToken, Version
from stageauto.store.sqlite_base import Base

_VERSION = "SELECT n, loaded_at, author, files, note, active FROM versions"
_LINK = "SELECT kind, target, item, run, at, doc FROM links WHERE hash = ?"
_PUT_LINK = "INSERT OR REPLACE INTO links (hash, kind, target, item, run, at, doc) VALUES (?, ?, ?, ?, ?, ?, ?)"
_NOTE = "link_secret"
_MOST_FINDINGS = 20


class AdminReader(Base):
    """Reads small things."""

    __slots__ = ()

    def meta_get(self, key: str) -> str | None:
        """The note of that name, or None."""
        found: str | None = self._one("SELECT value FROM meta WHERE key = ?", key)
        return found

    def item_of_token(self, kind: str, token: str) -> str | None:
        """The item behind a message id, tracking token, document, booking or call."""
        found: str | None = self._one("SELECT item FROM tokens WHERE kind = ? AND token = ?", kind, token)
        return found

    def link(self, hash: str) -> Link | None:
        """The personal link whose token has this SHA-256 (hex)."""
        row = self._row(_LINK, hash)
        if row is None:
            return None
        kind, target, item, run, at, doc = row
        return Link(hash, kind, target, item, run, at, parse(doc))

    def chat_lines(self, chat: str, *, after_seq: int = 0, limit: int = -1) -> list[ChatLine]:
        """Lines of a chat, oldest first; of more than `limit` the newest."""
        rows = self._all(
            "SELECT chat, at, author, text, channel, seq FROM chat_lines WHERE chat = ? AND seq > ? "
            "ORDER BY seq DESC LIMIT ?",
            chat, after_seq, limit,
        )  # fmt: skip
        return [ChatLine(*row) for row in reversed(rows)]

    def chats(self, limit: int = -1) -> list[ChatLine]:
        """The newest line of each chat, the chat that was written in last first."""
        rows = self._all(
            "SELECT chat, at, author, text, channel, max(seq) FROM chat_lines GROUP BY chat ORDER BY max(seq) DESC "
            "LIMIT ?",
            limit,
        )
        return [ChatLine(*row) for row in rows]

    def api_tokens(self) -> list[ApiToken]:
        """The keys to the HTTP interface, oldest first."""
        rows = self._all("SELECT hash, id, user, made_at, author, note FROM api_tokens ORDER BY made_at, id")
        return [ApiToken(*row) for row in rows]

    def api_token(self, hash: str) -> ApiToken | None:
        """The key that has this SHA-256 (hex)."""
        row = self._row("SELECT hash, id, user, made_at, author, note FROM api_tokens WHERE hash = ?", hash)
        return None if row is None else ApiToken(*row)

    def code_known(self, code: str) -> bool:
        """True when the workspace has this code already."""
        return self._one("SELECT 1 FROM codes WHERE code = ?", code) is not None

    def last_assigned(self, role: str) -> str | None:
        """The user whom round robin gave the last one of this role."""
        found: str | None = self._one("SELECT user FROM assigned WHERE role = ?", role)
        return found

    def versions(self) -> list[Version]:
        """All configurations that were loaded, oldest first."""
        return [_version(row) for row in self._all(f"{_VERSION} ORDER BY n")]

    def version(self, n: int) -> Version | None:
        """The configuration of that number."""
        row = self._row(f"{_VERSION} WHERE n = ?", n)
        return None if row is None else _version(row)

    def active_version(self) -> Version | None:
        """The configuration in force, or None before the first `load`."""
        row = self._row(f"{_VERSION} WHERE active = 1")
        return None if row is None else _version(row)

    def active_number(self) -> int:
        """The number of the configuration in force without reading its files; 0 before the first `load`."""
        return int(self._one("SELECT n FROM versions WHERE active = 1") or 0)

    def integrity_check(self) -> list[str]:
        """What is wrong with the file or between its tables, a sentence each; empty where all is well. Reads all."""
        found = [one for one in self._first(f"PRAGMA integrity_check({_MOST_FINDINGS})") if one != "ok"]
        found += self._first(
            """SELECT 'item ' || key || ': its next due is in the row but not complete'
               FROM items WHERE (next_due IS NULL) <> (next_seq IS NULL)"""
        )
        found += self._first(
            """SELECT 'a line of history (' || seq || ') belongs to an item that is gone'
               FROM timeline WHERE item IS NOT NULL AND item NOT IN (SELECT id FROM items)"""
        )
        found += self._first(
            """SELECT 'delivery ' || key || ' has no message'
               FROM outbox WHERE seq NOT IN (SELECT delivery FROM letters)"""
        )
        return found[:_MOST_FINDINGS]


def _version(row: Sequence[object]) -> Version:
    n, loaded_at, author, files, note, active = row
    return Version(
        n=int(str(n)),
        loaded_at=int(str(loaded_at)),
        author=str(author),
        files=parse(str(files)),
        note=str(note),
        active=active == 1,
    )


class AdminWriter(AdminReader):
    """Writes small things."""

    __slots__ = ()

    def meta_set(self, key: str, value: str | None) -> None:
        """Keeps a note under that name; None forgets it."""
        if value is None:
            self._conn.execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            self._conn.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def link_secret(self, make: Callable[[], str]) -> str:
        """The state's own secret for the tokens of links; made at its first use, the same ever after."""
        found = self.meta_get(_NOTE)
        if found is None:
            found = make()
            self.meta_set(_NOTE, found)
        return found

    def next_number(self, name: str) -> int:
        """Counts up from 1; unique by name, kept with the transaction."""
        row = self._conn.execute(
            "INSERT INTO counters (name, n) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET n = n + 1 RETURNING n",
            (name,),
        ).fetchall()
        return int(row[0][0])

    def add_version(self, files: Mapping[str, str], author: str, at: int, note: str = "") -> int:
        """Keeps the files as a new version, not yet in force; gives its number. `at` is ms UTC."""
        done = self._conn.execute(
            "INSERT INTO versions (loaded_at, author, files, note, active) VALUES (?, ?, ?, ?, 0)",
            (at, author, dumps(dict(files)), note),
        )
        return int(done.lastrowid or 0)

    def set_active(self, n: int) -> None:
        """Puts that version in force; UsageError where there is none of the number."""
        self._conn.execute("UPDATE versions SET active = 0 WHERE active = 1 AND n <> ?", (n,))
        if self._conn.execute("UPDATE versions SET active = 1 WHERE n = ?", (n,)).rowcount != 1:
            raise UsageError(f"there is no version {n}", "`stageauto versions` lists them")

    def _write_codes(self, codes: Sequence[str]) -> None:
        self._conn.executemany("INSERT INTO codes (code) VALUES (?)", [(code,) for code in codes])

    def _write_tokens(self, tokens: Sequence[tuple[str, str, str]]) -> None:
        self._conn.executemany("INSERT OR REPLACE INTO tokens (kind, token, item) VALUES (?, ?, ?)", tokens)

    def add_api_token(self, token: ApiToken) -> None:
        """Adds a key to the HTTP interface."""
        self._conn.execute(
            "INSERT INTO api_tokens (hash, id, user, made_at, author, note) VALUES (?, ?, ?, ?, ?, ?)",
            (token.hash, token.id, token.user, token.made_at, token.author, token.note),
        )

    def remove_api_token(self, token_id: str) -> bool:
        """Takes a key away; False where there is none of that id."""
        return self._conn.execute("DELETE FROM api_tokens WHERE id = ?", (token_id,)).rowcount == 1

    def _write_chat_lines(self, lines: Sequence[ChatLine]) -> None:
        self._conn.executemany(
            "INSERT INTO chat_lines (chat, at, author, text, channel) VALUES (?, ?, ?, ?, ?)",
            [(one.chat, one.at, one.author, one.text, one.channel) for one in lines],
        )

    def _write_links(self, links: Sequence[Link]) -> None:
        self._conn.executemany(
            _PUT_LINK,
            [(one.hash, one.kind, one.target, one.item, one.run, one.at, dumps(one.data)) for one in links],
        )

    def _write_assigned(self, assigned: Sequence[tuple[str, str]]) -> None:
        self._conn.executemany("INSERT OR REPLACE INTO assigned (role, user) VALUES (?, ?)", assigned)
