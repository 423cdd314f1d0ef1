"""Where an output is written until it is complete: a hidden folder beside its place.

It is locked as long as its process lives, so that what a killed one left behind is known, in containers too,
where all processes have one number.
"""

import os
import re
import secrets
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

_PARTIAL = ".partial"
_NEW, _OLD, _LOCK = "new", "old", "lock"
_TRIES = 3  # to have a folder for oneself


class Workplace:
    """The hidden folder in which an output is written, beside its place, and locked by its process.

    Attributes:
        folder: where it is.
        new: where the output is written.
        old: where a folder is while the new one takes its place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.folder, self._lock = _own_folder(path)
        self.new, self.old = self.folder / _NEW, self.folder / _OLD

    def hand_over(self) -> None:
        """Puts what was written in its place."""
        if self._path.exists():
            shutil.copymode(self._path, self.new)
        if self.new.is_dir() and self._path.exists():
            # a folder can't be renamed onto another that isn't empty
            self._path.rename(self.old)
            self.new.rename(self._path)
        else:
            os.replace(self.new, self._path)

    def clear(self) -> None:
        """Removes the folder, with what is in it."""
        _clear(self.folder, self._lock, self._path)


def _own_folder(path: Path) -> tuple[Path, FileLock | None]:
    """Makes a hidden folder beside an output, and locks it where that can be."""
    for _ in range(_TRIES):
        folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL}")
        folder.mkdir()
        try:
            lock = _locked(folder)
        except (Timeout, FileNotFoundError):
            shutil.rmtree(folder, ignore_errors=True)
            continue  # another process came before the lock, and took it for abandoned
        if folder.is_dir():
            return folder, lock
    folder.mkdir(exist_ok=True)
    return folder, None


def _locked(folder: Path) -> FileLock | None:
    """Locks an output's folder; None where that can't be: a file system without locks, a folder of others.

    Raises:
        Timeout: if it is locked.
        FileNotFoundError: if it is gone.
    """
    lock = FileLock(folder / _LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except (Timeout, FileNotFoundError):  # which are OSErrors
        raise
    except (NotImplementedError, OSError):  # filelock's and the system's, where there are no locks
        return None
    return lock


def _clear(folder: Path, lock: FileLock | None, path: Path) -> None:
    """Removes the folder of an output, and gives up its lock.

    A folder that was on its way out, and has no successor, is the output again.
    """
    old = folder / _OLD
    try:
        if old.is_dir() and not path.exists():
            old.rename(path)
        shutil.rmtree(folder, ignore_errors=True)  # while it is locked: nobody else takes it for theirs
    finally:
        if lock is not None:
            lock.release()
    shutil.rmtree(folder, ignore_errors=True)  # some systems don't remove open files


def remove_abandoned(path: Path) -> None:
    """Removes what processes left behind that were killed while they wrote an output."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}{re.escape(_PARTIAL)}")
    for entry in path.parent.iterdir():
        if not pattern.fullmatch(entry.name) or not entry.is_dir():
            continue
        try:
            lock = _locked(entry)
        except (Timeout, FileNotFoundError):
            continue  # at work, or being removed
        if lock is None:
            continue  # nobody can tell
        _clear(entry, lock, path)
