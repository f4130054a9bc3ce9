"""One SQLite file: one writer thread with group commit, any number of readers, one process.

Whoever waits for a commit shares it with all others that arrived meanwhile (DESIGN section 6; decision 0001).
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import queue
import re
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast

from wakeless.core.errors import Refused, Unavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")
#: Units in one commit at most: bounds the time that the first of them waits.
MAX_BATCH = 1024
#: Rows in one statement at most. For each number of them there is a statement, which the connection keeps compiled.
MAX_ROWS = 64
_PLACES = re.compile(r"VALUES\s*(\(\s*\?(?:\s*,\s*\?)*\s*\))")
#: SQLite result codes that mean "not now" rather than "wrong": SQLITE_BUSY, IOERR, FULL, CANTOPEN, READONLY.
_NOT_NOW = frozenset({5, 8, 10, 13, 14})


class StoreUnavailable(Unavailable):
    """The file could not be read or written (disk full, I/O error); nothing of this unit was kept."""

    code = "store_unavailable"


class StoreLocked(Refused):
    """Another process has this file open; two would run everything twice."""

    code = "store_locked"


class StoreNewer(Refused):
    """The file was written by a newer version of Wakeless."""

    code = "store_newer"


class _Unit(Generic[T]):
    """One piece of work for the writer, and whoever waits for it."""

    __slots__ = ("error", "fn", "future", "loop", "result", "rows", "statement", "waiter")

    def __init__(self, fn: Callable[[sqlite3.Connection], T] | None) -> None:
        self.fn = fn
        #: For rows that only are to be added; many units' rows go through one statement.
        self.statement = ""
        self.rows: Sequence[Sequence[object]] = ()
        self.result: T | None = None
        self.error: BaseException | None = None
        self.future: Future[T] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.waiter: asyncio.Future[T] | None = None


class Database:
    """A SQLite file with one writer thread.

    ``schema`` maps a component to its migrations, oldest first; those not yet applied are applied at opening,
    each in its own transaction. Raises `StoreLocked`, `StoreNewer`, `StoreUnavailable`.
    """

    def __init__(
        self,
        path: Path,
        *,
        schema: Mapping[str, Sequence[str]],
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        cache_kib: int = 8192,
    ) -> None:
        self.path = path
        self._synchronous = synchronous
        self._cache_kib = cache_kib
        self._units: queue.SimpleQueue[_Unit[Any] | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock_fd = _lock(path.with_name(path.name + ".lock"))
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error.strerror or error}") from error
        try:
            # SQLite would make it as open as the umask says; its companions (-wal, -shm) get the mode of the file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._writer = self._connect()
            _migrate(self._writer, schema, path)
        except OSError as error:
            os.close(self._lock_fd)
            raise StoreUnavailable(f"{path}: {error.strerror or error}") from error
        except sqlite3.Error as error:
            os.close(self._lock_fd)
            raise _translate(error, path) from error
        except BaseException:
            os.close(self._lock_fd)
            raise
        self._thread = threading.Thread(target=self._write_forever, name=f"writer-{path.name}", daemon=True)
        self._thread.start()

    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``fn`` in a group commit; return its result once it is on disk.

        What ``fn`` raises rolls back this unit alone and is raised here. Raises `StoreUnavailable` when the
        commit failed: then nothing of it was kept.
        """
        unit: _Unit[T] = _Unit(fn)
        unit.loop = asyncio.get_running_loop()
        unit.waiter = unit.loop.create_future()
        self._put(unit)
        return await unit.waiter

    async def append(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Add rows in a group commit, by an ``INSERT … VALUES (?, …)``; return once they are on disk.

        For what comes in floods: the rows of all who wait go through one statement, and so fail together.
        Raises `StoreUnavailable`.
        """
        unit: _Unit[None] = _Unit(None)
        unit.statement, unit.rows = statement, rows
        unit.loop = asyncio.get_running_loop()
        unit.waiter = unit.loop.create_future()
        self._put(unit)
        await unit.waiter

    def submit(self, fn: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Do as `write` does, for callers without an event loop."""
        unit: _Unit[T] = _Unit(fn)
        unit.future = Future()
        self._put(unit)
        return unit.future

    def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``fn`` on this thread's read-only connection, in one snapshot; raises `StoreUnavailable`."""
        db = cast("sqlite3.Connection | None", getattr(self._local, "db", None))
        if db is None:
            db = self._connect()
            db.execute("PRAGMA query_only = ON")
            db.execute(
                "PRAGMA cache_size = -2048"
            )  # there may be many readers; the page cache of the system serves them
            self._local.db = db
            with self._guard:
                self._readers.append(db)
        try:
            db.execute("BEGIN")
            try:
                return fn(db)
            finally:
                db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _translate(error, self.path) from error

    def close(self) -> None:
        """Commit what waits, stop the writer and close every connection."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
        self._units.put(None)
        self._thread.join()
        for db in self._readers:
            db.close()
        self._writer.close()
        os.close(self._lock_fd)

    def _put(self, unit: _Unit[Any]) -> None:
        with self._guard:
            if self._closed:
                raise StoreUnavailable(f"{self.path}: closed")
            self._units.put(unit)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=256)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {self._synchronous}")
        db.execute("PRAGMA busy_timeout = 30000")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute(f"PRAGMA cache_size = -{int(self._cache_kib)}")
        return db

    def _write_forever(self) -> None:
        running = True
        while running:
            batch, running = self._next_batch()
            if batch:
                self._commit(batch)

    def _next_batch(self) -> tuple[list[_Unit[Any]], bool]:
        """Wait for one unit and take all that came meanwhile; False when told to stop."""
        batch: list[_Unit[Any]] = []
        unit = self._units.get()
        while unit is not None:
            batch.append(unit)
            if len(batch) >= MAX_BATCH:
                return batch, True
            try:
                unit = self._units.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: list[_Unit[Any]]) -> None:
        db = self._writer
        try:
            if not _add_at_once(batch, db):
                db.execute("BEGIN IMMEDIATE")
                self._append(batch, db)
                for unit in batch:
                    if unit.fn is not None:
                        self._run(unit, unit.fn, db)
                db.execute("COMMIT")
        except Exception as error:
            # Also what is no error of SQLite (text that has no encoding): without this thread nothing is ever written.
            logger.exception("Commit failed", extra={"action": "commit_failed", "path": str(self.path)})
            self._roll_back()
            lost = _translate(error, self.path) if isinstance(error, sqlite3.Error) else error
            for unit in batch:
                unit.error = unit.error or lost
        _deliver(batch)

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error:
            logger.exception("Rolling back failed", extra={"action": "rollback_failed", "path": str(self.path)})

    def _append(self, batch: list[_Unit[Any]], db: sqlite3.Connection) -> None:
        by_statement: dict[str, list[_Unit[Any]]] = {}
        for unit in batch:
            if unit.fn is None:
                by_statement.setdefault(unit.statement, []).append(unit)
        for statement, units in by_statement.items():
            together: _Unit[None] = _Unit(None)
            rows = [row for unit in units for row in unit.rows]
            self._run(together, partial(_add_rows, statement, rows), db)
            for unit in units:
                unit.error = together.error

    def _run(self, unit: _Unit[Any], fn: Callable[[sqlite3.Connection], Any], db: sqlite3.Connection) -> None:
        db.execute("SAVEPOINT unit")
        try:
            unit.result = fn(db)
        except BaseException as error:  # whoever waits gets it, whatever it is
            unit.error = _translate(error, self.path) if isinstance(error, sqlite3.Error) else error
            if not db.in_transaction:
                # SQLite itself rolled everything back (disk full, I/O error): the batch is lost as one.
                raise sqlite3.OperationalError(f"transaction lost: {error}") from error
            db.execute("ROLLBACK TO unit")
        db.execute("RELEASE unit")


def _add_at_once(batch: Sequence[_Unit[Any]], db: sqlite3.Connection) -> bool:
    """Add and commit a batch that is nothing but rows for one statement; False when it is more than that.

    The statement is its own transaction. The interpreter's lock is handed over at each statement, and a busy event
    loop is slow to give it back: one statement instead of five is what a flood of alarms needs most.
    """
    statement = batch[0].statement
    if any(unit.fn is not None or unit.statement != statement for unit in batch):
        return False
    rows = [row for unit in batch for row in unit.rows]
    if not 0 < len(rows) <= MAX_ROWS:
        return False
    _add_rows(statement, rows, db)
    return True


def _add_rows(statement: str, rows: Sequence[Sequence[object]], db: sqlite3.Connection) -> None:
    for at in range(0, len(rows), MAX_ROWS):
        some = rows[at : at + MAX_ROWS]
        db.execute(_for_rows(statement, len(some)), [value for row in some for value in row])


@lru_cache(maxsize=4 * MAX_ROWS)
def _for_rows(statement: str, rows: int) -> str:
    """Return the statement for so many rows at once."""
    return _PLACES.sub(lambda found: "VALUES " + ", ".join([found[1]] * rows), statement, count=1)


def _deliver(batch: list[_Unit[Any]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Unit[Any]]] = {}
    for unit in batch:
        if unit.loop is not None:
            by_loop.setdefault(unit.loop, []).append(unit)
        elif unit.future is not None and unit.future.set_running_or_notify_cancel():
            if unit.error is not None:
                unit.future.set_exception(unit.error)
            else:
                unit.future.set_result(unit.result)
    for loop, units in by_loop.items():
        try:
            # One wake-up of the loop for the whole batch.
            loop.call_soon_threadsafe(_resolve, units)
        except RuntimeError:  # the loop was closed: nobody waits any more
            logger.debug("Nobody waits for %d committed units", len(units))


def _resolve(units: list[_Unit[Any]]) -> None:
    for unit in units:
        waiter = unit.waiter
        if waiter is None or waiter.done():
            continue
        if unit.error is not None:
            waiter.set_exception(unit.error)
        else:
            waiter.set_result(unit.result)


def _translate(error: sqlite3.Error, path: Path) -> Exception:
    code = getattr(error, "sqlite_errorcode", None)
    lost = str(error).startswith("transaction lost")
    if lost or (code is not None and code & 0xFF in _NOT_NOW):
        return StoreUnavailable(f"{path}: {error}")
    return error


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
        os.close(fd)
        who = f"process {holder}" if holder else "another process"
        raise StoreLocked(
            f"{path.with_suffix('')} is in use by {who}; stop it, or give this one another data_dir"
        ) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(os.getpid()).encode(), 0)
    return fd


def _migrate(db: sqlite3.Connection, schema: Mapping[str, Sequence[str]], path: Path) -> None:
    db.execute(
        "CREATE TABLE IF NOT EXISTS migrations (component TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID"
    )
    for component, steps in schema.items():
        row = db.execute("SELECT version FROM migrations WHERE component = ?", (component,)).fetchone()
        done = int(row[0]) if row else 0
        if done > len(steps):
            raise StoreNewer(f"{path}: {component} is at version {done}, this program knows {len(steps)}; upgrade it")
        for version, step in enumerate(steps[done:], start=done + 1):
            # executescript commits first, so the transaction is part of the script.
            db.executescript(
                f"BEGIN IMMEDIATE;\n{step};\nINSERT INTO migrations VALUES ('{component}', {version})"
                f" ON CONFLICT (component) DO UPDATE SET version = excluded.version;\nCOMMIT;"
            )
