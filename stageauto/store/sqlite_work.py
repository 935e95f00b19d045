"""What rules made for people: tasks, activities, notices, posts, bookings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from stageauto.engine.state import Activity, Booking, Notice, Post, Task
from stageauto.store.codec import Codec
from stageauto.store.sqlite_base import Base, Where

T = TypeVar("T")

_task: Codec[Task] = Codec(Task, ("id", "item", "assignee", "status"))
_activity: Codec[Activity] = Codec(Activity, ("id", "item", "status"))
_notice: Codec[Notice] = Codec(Notice, ("id", "user", "at", "read_at"))
_post: Codec[Post] = Codec(Post, ("id", "item", "at"))
_booking: Codec[Booking] = Codec(Booking, ("id", "resource", "start", "end", "item", "status"))

_TASKS = "SELECT doc, key AS id, item, assignee, status FROM tasks"
_ACTIVITIES = "SELECT doc, key AS id, item, status FROM activities"
_NOTICES = "SELECT doc, key AS id, user, at, read_at FROM notices"
_POSTS = "SELECT doc, key AS id, item, at FROM posts"
_BOOKINGS = 'SELECT doc, key AS id, resource, starts AS start, ends AS "end", item, status FROM bookings'


def _upsert(table: str, *columns: str) -> str:
    listed, values = ", ".join(columns), ", ".join("?" * len(columns))
    changes = ", ".join(f"{one} = excluded.{one}" for one in columns if one != "key")
    insert = f"INSERT INTO {table} ({listed}) VALUES ({values})"  # noqa: S608  # only words of ours
    return f"{insert} ON CONFLICT (key) DO UPDATE SET {changes}"


_PUT_TASK = _upsert("tasks", "key", "item", "assignee", "status", "doc")
_PUT_ACTIVITY = _upsert("activities", "key", "item", "status", "doc")
_PUT_NOTICE = _upsert("notices", "key", "user", "at", "read_at", "doc")
_PUT_POST = _upsert("posts", "key", "item", "at", "doc")
_PUT_BOOKING = _upsert("bookings", "key", "resource", "starts", "ends", "item", "status", "doc")


class WorkReader(Base):
    """Reads what rules made for people."""

    __slots__ = ()

    def _objects(self, codec: Codec[T], sql: str, values: Iterable[Any]) -> list[T]:
        rows = self._conn.execute(sql, tuple(values))
        names = [column[0] for column in rows.description]
        return [codec.load(row[0], **dict(zip(names[1:], row[1:], strict=True))) for row in rows]

    def open_tasks(self, item_id: str, stage: str | None = None) -> list[Task]:
        """The item's open tasks that rules made, oldest first."""
        found = self._objects(_task, f"{_TASKS} WHERE item = ? AND status = 'open' ORDER BY tasks.id", (item_id,))
        return [one for one in found if one.rule and stage in {None, one.stage}]

    def task(self, task_id: str) -> Task | None:
        """The task; a fresh object each time."""
        return next(iter(self._objects(_task, f"{_TASKS} WHERE key = ?", (task_id,))), None)

    def tasks(
        self, *, assignee: str | None = None, item: str | None = None, status: str | None = None, limit: int = -1
    ) -> list[Task]:
        """Tasks, oldest first; `status` is open, done or cancelled."""
        where = Where().add("assignee = ?", assignee).add("item = ?", item).add("status = ?", status)
        return self._objects(_task, f"{_TASKS}{where} ORDER BY tasks.id LIMIT ?", (*where.values, limit))

    def open_activities(self, item_id: str) -> list[Activity]:
        """The item's open activities, oldest first."""
        return self.activities(item=item_id, status="open")

    def activities(self, *, item: str | None = None, status: str | None = None, limit: int = -1) -> list[Activity]:
        """Activities, oldest first; `status` is open, done or cancelled."""
        where = Where().add("item = ?", item).add("status = ?", status)
        sql = f"{_ACTIVITIES}{where} ORDER BY activities.id LIMIT ?"
        return self._objects(_activity, sql, (*where.values, limit))

    def notice(self, notice_id: str) -> Notice | None:
        """The notice; a fresh object each time."""
        return next(iter(self._objects(_notice, f"{_NOTICES} WHERE key = ?", (notice_id,))), None)

    def notices(self, user: str | None = None, *, unread: bool = False, limit: int = -1) -> list[Notice]:
        """Notices in the inbox of the user (None = of all), oldest first; of more than `limit` the newest."""
        where = Where().add("user = ?", user).plain("read_at IS NULL", unread)
        sql = f"{_NOTICES}{where} ORDER BY notices.id DESC LIMIT ?"
        return self._objects(_notice, sql, (*where.values, limit))[::-1]

    def posts(self, item: str | None = None, *, limit: int = -1) -> list[Post]:
        """Feed posts and comments, of one item or of all, oldest first; of more than `limit` the newest."""
        where = Where().add("item = ?", item)
        sql = f"{_POSTS}{where} ORDER BY posts.id DESC LIMIT ?"
        return self._objects(_post, sql, (*where.values, limit))[::-1]

    def bookings(self, resource: str, start: int, end: int) -> list[Booking]:
        """Active bookings of the resource that touch the half-open [start, end), by start."""
        return self.all_bookings(resource=resource, start=start, end=end, status="active")

    def all_bookings(
        self,
        *,
        resource: str | None = None,
        start: int | None = None,
        end: int | None = None,
        item: str | None = None,
        status: str | None = None,
    ) -> list[Booking]:
        """Bookings that touch the half-open [start, end), by start; `status` is active or cancelled."""
        where = Where().add("resource = ?", resource).add("item = ?", item)
        where.add("ends > ?", start).add("starts < ?", end)
        where.plain("status = 'active'", status == "active").plain("status <> 'active'", status == "cancelled")
        return self._objects(_booking, f"{_BOOKINGS}{where} ORDER BY starts, bookings.id", where.values)

    def booking(self, booking_id: str) -> Booking | None:
        """The booking; a fresh object each time."""
        return next(iter(self._objects(_booking, f"{_BOOKINGS} WHERE key = ?", (booking_id,))), None)


class WorkWriter(WorkReader):
    """Writes what rules made for people."""

    __slots__ = ()

    def _put(self, sql: str, things: Sequence[T], row: Callable[[T], tuple[Any, ...]]) -> None:
        self._conn.executemany(sql, [row(one) for one in things])

    def _write_tasks(self, tasks: Sequence[Task]) -> None:
        self._put(_PUT_TASK, tasks, lambda one: (one.id, one.item, one.assignee, one.status, _task.dump(one)))

    def _write_activities(self, activities: Sequence[Activity]) -> None:
        self._put(_PUT_ACTIVITY, activities, lambda one: (one.id, one.item, one.status, _activity.dump(one)))

    def _write_notices(self, notices: Sequence[Notice]) -> None:
        self._put(_PUT_NOTICE, notices, lambda one: (one.id, one.user, one.at, one.read_at, _notice.dump(one)))

    def _write_posts(self, posts: Sequence[Post]) -> None:
        self._put(_PUT_POST, posts, lambda one: (one.id, one.item, one.at, _post.dump(one)))

    def _write_bookings(self, bookings: Sequence[Booking]) -> None:
        self._put(
            _PUT_BOOKING,
            bookings,
            lambda one: (one.id, one.resource, one.start, one.end, one.item, one.status, _booking.dump(one)),
        )
