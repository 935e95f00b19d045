"""The tables. Integer milliseconds UTC everywhere; `doc` is JSON without defaults; `key` is the id that people see.

A move touches few pages: the item's row holds its living runs, and only what is due has a place in an index. Tables
hold the fields that are asked for; the rest of an object is in its `doc`.
"""

from __future__ import annotations

APPLICATION_ID = 0x53744175  # "StAu" in the header of the file: this is a state of ours

FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE assigned (role TEXT PRIMARY KEY, user TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE codes (code TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE items (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL, stage TEXT NOT NULL, responsible TEXT,
    closed INTEGER NOT NULL, deleted INTEGER NOT NULL, entered_at INTEGER NOT NULL,
    next_due INTEGER, next_seq INTEGER, doc TEXT NOT NULL) STRICT;
CREATE INDEX items_due ON items (next_due, next_seq) WHERE next_due IS NOT NULL;
CREATE INDEX items_stage ON items (pipeline, stage) WHERE deleted = 0;
CREATE INDEX items_open ON items (responsible) WHERE closed = 0 AND deleted = 0;
CREATE TABLE item_contacts (
    contact TEXT NOT NULL, item INTEGER NOT NULL, PRIMARY KEY (contact, item)) STRICT, WITHOUT ROWID;

CREATE TABLE timeline (
    seq INTEGER PRIMARY KEY, item INTEGER, at INTEGER NOT NULL, kind TEXT NOT NULL, author TEXT NOT NULL,
    data TEXT NOT NULL) STRICT;
CREATE INDEX timeline_item ON timeline (item) WHERE item IS NOT NULL;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, outcome TEXT NOT NULL,
    doc TEXT NOT NULL) STRICT;
CREATE INDEX events_queued ON events (seq) WHERE outcome = 'queued';
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, author TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
    data TEXT NOT NULL) STRICT;

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item TEXT NOT NULL, run TEXT NOT NULL, channel TEXT NOT NULL,
    state TEXT NOT NULL, held INTEGER NOT NULL, due INTEGER NOT NULL, doc TEXT NOT NULL) STRICT;
CREATE INDEX outbox_due ON outbox (channel, due) WHERE state = 'pending' AND held = 0;
CREATE INDEX outbox_open ON outbox (state) WHERE state IN ('running', 'unknown');
CREATE INDEX outbox_run ON outbox (run);
CREATE INDEX outbox_item ON outbox (item);
CREATE TABLE letters (delivery INTEGER PRIMARY KEY, message TEXT NOT NULL) STRICT;

CREATE TABLE contacts (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, doc TEXT NOT NULL) STRICT;
CREATE TABLE addresses (
    value TEXT NOT NULL, contact INTEGER NOT NULL, PRIMARY KEY (value, contact)) STRICT, WITHOUT ROWID;
CREATE TABLE companies (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, doc TEXT NOT NULL) STRICT;
CREATE TABLE messages (
    contact TEXT NOT NULL, at INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (contact, at)) STRICT, WITHOUT ROWID;
CREATE TABLE exemptions (
    value TEXT NOT NULL, kind TEXT NOT NULL, written TEXT NOT NULL, added_at INTEGER NOT NULL, author TEXT NOT NULL,
    dropped INTEGER NOT NULL, PRIMARY KEY (value, kind)) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
    kind TEXT NOT NULL, token TEXT NOT NULL, item TEXT NOT NULL, PRIMARY KEY (kind, token)) STRICT, WITHOUT ROWID;
CREATE TABLE links (
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, item TEXT NOT NULL, run TEXT NOT NULL,
    at INTEGER NOT NULL, doc TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX links_item ON links (item);
CREATE TABLE chat_lines (
    seq INTEGER PRIMARY KEY, chat TEXT NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL, channel TEXT NOT NULL,
    text TEXT NOT NULL) STRICT;
CREATE INDEX chat_lines_chat ON chat_lines (chat);
CREATE TABLE api_tokens (
    hash TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL, made_at INTEGER NOT NULL, author TEXT NOT NULL,
    note TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item TEXT NOT NULL, doc TEXT NOT NULL) STRICT;
CREATE INDEX documents_item ON documents (item);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item TEXT NOT NULL, hash TEXT NOT NULL, doc TEXT NOT NULL) STRICT;
CREATE INDEX files_item ON files (item);
CREATE INDEX files_hash ON files (hash);
CREATE TABLE contents (hash TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item TEXT NOT NULL, assignee TEXT, status TEXT NOT NULL,
    doc TEXT NOT NULL) STRICT;
CREATE INDEX tasks_item ON tasks (item);
CREATE INDEX tasks_open ON tasks (assignee) WHERE status = 'open';
CREATE TABLE activities (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item TEXT NOT NULL, status TEXT NOT NULL,
    doc TEXT NOT NULL) STRICT;
CREATE INDEX activities_item ON activities (item);
CREATE TABLE notices (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, user TEXT NOT NULL, at INTEGER NOT NULL, read_at INTEGER,
    doc TEXT NOT NULL) STRICT;
CREATE INDEX notices_user ON notices (user);
CREATE TABLE posts (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item TEXT NOT NULL, at INTEGER NOT NULL,
    doc TEXT NOT NULL) STRICT;
CREATE INDEX posts_item ON posts (item);
CREATE TABLE bookings (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, resource TEXT NOT NULL, starts INTEGER NOT NULL,
    ends INTEGER NOT NULL, item TEXT, status TEXT NOT NULL, doc TEXT NOT NULL) STRICT;
CREATE INDEX bookings_active ON bookings (resource, ends) WHERE status = 'active';

CREATE TABLE versions (
    n INTEGER PRIMARY KEY, loaded_at INTEGER NOT NULL, author TEXT NOT NULL, files TEXT NOT NULL, note TEXT NOT NULL,
    active INTEGER NOT NULL) STRICT;
"""

# A row of `timeline` may hold the line before it as well, [kind, author, data] of the same item and moment; the view
# `lines` has them one by one.
# The text of an item's row holds all but its place. A run in it was a list, [rule, seq, scheduled_at, state, due, base,
# cause, {the rest}], and is an object, with the place of a run that is not where its item is under `elsewhere`.
SECOND = """
ALTER TABLE timeline ADD COLUMN before TEXT NOT NULL DEFAULT '';
CREATE VIEW lines AS
    SELECT seq, item, at, kind, author, data FROM timeline
    UNION ALL SELECT seq - 1, item, at, before ->> 0, before ->> 1, before -> 2 FROM timeline WHERE before <> '';
UPDATE items SET doc = json_patch(doc, json_object(
    'responsible', responsible, 'closed', json(iif(closed, 'true', 'null')),
    'deleted', json(iif(deleted, 'true', 'null'))))
WHERE responsible IS NOT NULL OR closed OR deleted;
UPDATE items SET doc = json_set(doc, '$.runs', (
    SELECT json_group_array(json_remove(packed, iif(packed ->> '$.d' IS NULL, '$.d', '$.-'),
        iif(packed ->> '$.b' IS NULL, '$.b', '$.-'), iif(packed ->> '$.f' IS NULL, '$.f', '$.-'),
        iif(packed ->> '$.e' IS NULL, '$.e', '$.-'), iif(packed ->> '$.elsewhere' IS NULL, '$.elsewhere', '$.-')))
    FROM (SELECT json_set(
        json_remove(rest, '$.id', '$.pipeline', '$.stage', '$.visit', '$.finished_at', '$.decided_at'),
        '$.r', run -> '$[0]', '$.q', run -> '$[1]', '$.p', run -> '$[2]', '$.s', run -> '$[3]', '$.d', run -> '$[4]',
        '$.b', run -> '$[5]', '$.c', run -> '$[6]', '$.f', rest -> '$.finished_at', '$.e', rest -> '$.decided_at',
        '$.elsewhere', CASE
            WHEN coalesce(rest -> '$.id', rest -> '$.pipeline', rest -> '$.stage', rest -> '$.visit') IS NOT NULL
            THEN json_array(
                coalesce(rest ->> '$.id', key || '.' || coalesce(rest ->> '$.visit', visit) || '.' || (run ->> '$[0]')),
                coalesce(rest ->> '$.pipeline', pipeline), coalesce(rest ->> '$.stage', stage),
                coalesce(rest ->> '$.visit', visit)) END) AS packed
    FROM (SELECT value AS run, coalesce(value -> '$[7]', '{}') AS rest, coalesce(doc ->> '$.visit', 1) AS visit
          FROM json_each(items.doc, '$.runs')))))
WHERE json_array_length(doc, '$.runs') > 0;
"""
