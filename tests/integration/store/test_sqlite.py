import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wakeless.store.sqlite import MAX_ROWS, Database, StoreLocked, StoreNewer, StoreUnavailable

SCHEMA = {"t": ["CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)"]}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "a.db", schema=SCHEMA)
    yield database
    database.close()


def count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM t").fetchone()[0])


async def test_a_write_is_read_by_others_once_awaited(db: Database) -> None:
    await db.write(lambda c: c.execute("INSERT INTO t VALUES (1, 'a')"))
    assert db.read(count) == 1


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


async def test_nobody_else_may_read_the_file_or_its_companions(open_umask: None, tmp_path: Path) -> None:
    database = Database(tmp_path / "b.db", schema=SCHEMA)
    await database.write(lambda c: c.execute("INSERT INTO t VALUES (1, 'a')"))
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    database.close()
    assert modes == dict.fromkeys(("b.db", "b.db-wal", "b.db-shm", "b.db.lock"), 0o600)


def test_a_folder_in_the_files_place_is_said_and_lets_go_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "c.db").mkdir()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            Database(tmp_path / "c.db", schema=SCHEMA)


async def test_a_failing_unit_loses_only_itself(db: Database) -> None:
    def insert(k: int) -> None:
        def fn(c: sqlite3.Connection) -> None:
            c.execute("INSERT INTO t VALUES (?, 'x')", (k,))
            if k % 7 == 0:
                raise KeyError(k)

        tasks.append(asyncio.ensure_future(db.write(fn)))

    tasks: list[asyncio.Future[None]] = []
    for k in range(100):
        insert(k)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [k for k, r in enumerate(results) if isinstance(r, KeyError)] == list(range(0, 100, 7))
    assert db.read(count) == 85


async def test_rows_that_cannot_be_written_cost_themselves_and_not_the_writer(db: Database) -> None:
    add = "INSERT INTO t VALUES (?, ?)"
    for _ in range(2):
        with pytest.raises(UnicodeEncodeError):
            await db.append(add, [(1, "\ud800")])
        with pytest.raises(OverflowError):
            await db.append(add, [(1 << 70, "a")])
        with pytest.raises(sqlite3.Error):
            await db.append(add, [(1, "a", "one too many")])
    await db.append(add, [(1, "a")])
    await db.write(lambda c: c.execute("INSERT INTO t VALUES (2, 'b')"))
    assert db.read(count) == 2


async def test_many_waiters_share_commits(db: Database) -> None:
    commits = 0

    def trace(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    db._writer.set_trace_callback(trace)

    def insert(k: int) -> asyncio.Task[sqlite3.Cursor]:
        def unit(c: sqlite3.Connection) -> sqlite3.Cursor:
            return c.execute("INSERT INTO t VALUES (?, '')", (k,))

        return asyncio.create_task(db.write(unit))

    await asyncio.gather(*(insert(k) for k in range(500)))
    assert commits < 100


ADD = "INSERT INTO t VALUES (?, ?)"


async def test_rows_of_many_waiters_are_added_and_committed_by_one_statement(db: Database) -> None:
    seen: list[str] = []
    db._writer.set_trace_callback(seen.append)
    # The writer is busy with this one while the others come.
    busy = threading.Event()
    db.submit(lambda c: busy.wait(10))
    waiting = [asyncio.create_task(db.append(ADD, [(k, "a")])) for k in range(30)]
    await asyncio.sleep(0)
    busy.set()
    await asyncio.gather(*waiting)
    assert db.read(count) == 30
    assert len([statement for statement in seen if statement.startswith("INSERT")]) == 1
    assert seen.count("COMMIT") == 1, "the one of the unit before"


@pytest.mark.parametrize("rows", [0, 1, MAX_ROWS, MAX_ROWS + 1, 3 * MAX_ROWS + 7])
async def test_any_number_of_rows_is_added(db: Database, rows: int) -> None:
    await db.append(ADD, [(k, f"v{k}") for k in range(rows)])
    assert db.read(lambda c: c.execute("SELECT k, v FROM t ORDER BY k").fetchall()) == [
        (k, f"v{k}") for k in range(rows)
    ]


async def test_rows_that_cannot_be_added_fail_together_and_leave_nothing(db: Database) -> None:
    await db.append(ADD, [(1, "a")])
    for rows in ([(2, "b"), (1, "again")], [(k, "b") for k in range(2 * MAX_ROWS, 0, -1)]):
        with pytest.raises(sqlite3.IntegrityError):
            await db.append(ADD, rows)
    assert db.read(count) == 1
    await db.append(ADD, [(2, "b")])
    assert db.read(count) == 2


async def test_rows_beside_other_work_share_its_commit(db: Database) -> None:
    busy = threading.Event()
    db.submit(lambda c: busy.wait(10))

    def fail(c: sqlite3.Connection) -> None:
        c.execute("INSERT INTO t VALUES (7, 'x')")
        raise KeyError("x")

    waiting = [
        asyncio.create_task(db.append(ADD, [(1, "a")])),
        asyncio.create_task(db.write(fail)),
        asyncio.create_task(db.append("INSERT OR IGNORE INTO t VALUES (?, ?)", [(2, "b"), (2, "c")])),
    ]
    await asyncio.sleep(0)
    busy.set()
    first, second, third = await asyncio.gather(*waiting, return_exceptions=True)
    assert (first, third) == (None, None)
    assert isinstance(second, KeyError)
    assert db.read(lambda c: c.execute("SELECT k, v FROM t ORDER BY k").fetchall()) == [(1, "a"), (2, "b")]


async def test_rows_for_a_full_disk_are_refused_clearly_and_the_next_ones_are_added(db: Database) -> None:
    db._writer.execute("PRAGMA max_page_count = 12")
    with pytest.raises(StoreUnavailable, match="full"):
        await db.append(ADD, [(1, "x" * 200_000)])
    db._writer.execute("PRAGMA max_page_count = 100000")
    await db.append(ADD, [(2, "y")])
    assert db.read(count) == 1


def test_a_second_opener_is_refused_with_the_way_out(db: Database) -> None:
    with pytest.raises(StoreLocked, match=rf"process {os.getpid()}.*data_dir"):
        Database(db.path, schema=SCHEMA)


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "n.db", schema={"t": [SCHEMA["t"][0], "CREATE TABLE u (k)"]}).close()
    with pytest.raises(StoreNewer):
        Database(tmp_path / "n.db", schema=SCHEMA)


def test_only_missing_migrations_are_applied(tmp_path: Path) -> None:
    Database(tmp_path / "m.db", schema=SCHEMA).close()
    db = Database(tmp_path / "m.db", schema={"t": [*SCHEMA["t"], "ALTER TABLE t ADD COLUMN w TEXT"]})
    assert [c[1] for c in db.read(lambda c: c.execute("PRAGMA table_info(t)").fetchall())] == ["k", "v", "w"]
    db.close()


def test_writing_after_close_says_so(tmp_path: Path) -> None:
    db = Database(tmp_path / "c.db", schema=SCHEMA)
    db.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        db.submit(lambda c: None)


def test_readers_cannot_write(db: Database) -> None:
    with pytest.raises(StoreUnavailable, match="readonly"):
        db.read(lambda c: c.execute("INSERT INTO t VALUES (9, '')"))


async def test_a_full_disk_is_a_clear_error_and_the_next_write_works(db: Database) -> None:
    db._writer.execute("PRAGMA max_page_count = 12")
    with pytest.raises(StoreUnavailable, match="full"):
        await db.write(lambda c: c.execute("INSERT INTO t VALUES (1, ?)", ("x" * 200_000,)))
    db._writer.execute("PRAGMA max_page_count = 100000")
    await db.write(lambda c: c.execute("INSERT INTO t VALUES (2, 'y')"))
    assert db.read(count) == 1


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from wakeless.store.sqlite import Database
        db = Database(Path(sys.argv[1]), schema={"t": ["CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)"]})
        for k in range(100000):
            db.submit(lambda c, k=k: c.execute("INSERT INTO t VALUES (?, '')", (k,))).result()
            print(k, flush=True)
    """)
    path = tmp_path / "k.db"
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    last = -1
    for _ in range(200):
        last = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    rest = child.communicate()[0].split()
    last = int(rest[-1]) if rest else last
    db = Database(path, schema=SCHEMA)
    assert db.read(count) >= last + 1
    db.close()
