"""Where a state's file is: made for its owner's eyes only, whatever the umask, and never made anew by mistake."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from stageauto.errors import StateError
from stageauto.store.mark import Mark

FILE_MODE, FOLDER_MODE = 0o600, 0o700
FOLDER = ".stageauto"


def make_folder(folder: Path) -> None:
    """Makes the folder and those above it where they are missing, open to their owner only."""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(FOLDER_MODE, exist_ok=True)
        folder.chmod(FOLDER_MODE)


def make_file(path: Path) -> None:
    """Makes an empty file that only its owner can read; FileExistsError where something is there."""
    # SQLite gives the files beside it the mode that this one has.
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        os.fchmod(fd, FILE_MODE)
    finally:
        os.close(fd)


def close_to_others(path: Path) -> None:
    """Takes all rights from everybody but the owner, whose own stay as they are."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        path.chmod(mode & FOLDER_MODE)


def close_own_folder(folder: Path) -> None:
    """Takes a folder called as ours is by default from all but its owner; one of another name is not only ours."""
    if folder.name == FOLDER and folder.stat().st_uid == os.geteuid():
        close_to_others(folder)


def rescue(path: Path) -> str:
    """The sentence that says what to restore a broken state from."""
    backup = Mark(path).notes().get("backup")
    if backup:
        return f"nothing was changed; the newest backup is {backup}: `stageauto restore {backup}`"
    return "nothing was changed; no backup is known, restore one with `stageauto restore FILE`"


def begun(path: Path) -> bool:
    """True where a state is or was; an empty file that nobody wrote to is none: whoever made it was killed at that."""
    return size_of(path) > 0 or Mark(path).read() is not None


def size_of(path: Path) -> int:
    """In bytes, -1 where nothing is there; StateError where only somebody else may look."""
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return -1
    except PermissionError as error:
        raise closed(path) from error


def closed(path: Path) -> StateError:
    """The error that says whose it is, as far as that can be seen from outside."""
    hint = "run this as who may open it"
    for near in (path, *path.parents):
        with suppress(OSError, KeyError):
            return StateError(f"{path} is closed to you", f"{hint}: `sudo -u {near.owner()} ...`")
    return StateError(f"{path} is closed to you", hint)


def make_room(path: Path) -> None:
    """Makes the folder of a state where it is missing. Raises StateError."""
    try:
        make_folder(path.parent)
        if not path.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "its folder is a file")
    except PermissionError as error:
        raise closed(path) from error
    except OSError as error:
        raise _cannot_be_made(path, error) from error


def _cannot_be_made(path: Path, error: OSError) -> StateError:
    hint = "you must be able to write in its folder; or name another file under `state:`"
    return StateError(f"{path} cannot be made: {error.strerror}", hint)


def check_no_folder(path: Path) -> None:
    """Raises StateError where a folder stands in the place of a state."""
    if size_of(path) >= 0 and path.is_dir():
        raise StateError(f"{path} is a folder, not a state", "move it away, or name another file under `state:`")


def prepare(path: Path, *, create: bool) -> bool:
    """True where an empty file was made for a new state; StateError where none is there, or one is lost."""
    check_no_folder(path)
    size = size_of(path)
    if size > 0:
        return False
    if Mark(path).read() is not None:
        lost = "is empty" if size == 0 else "is gone"
        raise StateError(f"{path} {lost}, but there was a state", f"{rescue(path)}; to begin anew remove {path}.mark")
    if not create:
        raise StateError(f"there is no state at {path}", "`stageauto load` makes one")
    make_room(path)
    try:
        if size < 0:
            make_file(path)
    except FileExistsError:  # another process was as quick: it makes the tables, or this one does
        return True
    except OSError as error:
        raise _cannot_be_made(path, error) from error
    return True
