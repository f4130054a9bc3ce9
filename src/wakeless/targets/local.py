"""The machine that Wakeless itself runs on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import pwd
import select
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from wakeless.execution.ports import Command, CommandStatus, Observation, Platform, TargetRefused
from wakeless.targets.posix import PATH, PIPES, Facts, RunFile, check_attempt_id, interpret, run_folder, runner_text
from wakeless.targets.processes import boot_id, is_alive, kill_group
from wakeless.targets.settings import LocalSettings

T = TypeVar("T")

#: Seconds between two looks for new output: at first, and at most. The end of a command of ours is told at once.
_LOOK = (0.02, 0.25)
#: Seconds that a runner may take to say that it began.
_ANSWER_WITHIN = 30.0
#: Seconds for which a removed attempt keeps its mark.
_MARK_KEPT = 7 * 86400.0


class LocalTarget:
    """Runs commands on this machine, each in a session of its own, so that they survive us."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._root = os.path.abspath(settings.runs_root)
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix=f"target-{settings.name}")
        #: Attempts that are our own children: set when they end.
        self._ends: dict[str, asyncio.Event] = {}
        self._swept_at: float | None = None

    @property
    def name(self) -> str:
        """The inventory's name of this target."""
        return self._settings.name

    @property
    def platform(self) -> Platform:
        """What kind of machine it is."""
        return Platform.MACOS if sys.platform == "darwin" else Platform.LINUX

    async def start(self, command: Command) -> Observation:
        """Begin ``command`` unless somebody runs it, or ran it; in both cases say where it stands.

        Raises `InvalidInput` for a command that must not reach any machine.
        """
        files = run_folder(command, self._settings.output_cap)
        loop = asyncio.get_running_loop()
        end = asyncio.Event()

        def ended() -> None:
            # The loop may be closed by the time the command ends; nobody waits for it then.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(end.set)

        self._ends.setdefault(command.attempt_id, end)
        return await self._in_thread(lambda: self._start(command.attempt_id, files, ended))

    async def observe(
        self, attempt_id: str, *, stdout_from: int = 0, stderr_from: int = 0, limit: int = 65536, wait: float = 0.0
    ) -> Observation:
        """Say where the attempt stands, as soon as there is news, and after ``wait`` seconds at the latest."""
        check_attempt_id(attempt_id)
        until = time.monotonic() + wait
        pause, longest = _LOOK
        while True:
            facts = await self._in_thread(lambda: self._look(attempt_id, stdout_from, stderr_from, limit))
            left = until - time.monotonic()
            if facts is None or facts.ended or facts.stdout or facts.stderr or left <= 0:
                return interpret(facts)
            end = self._ends.get(attempt_id)
            if end is None or end.is_set():
                await asyncio.sleep(min(pause, left))
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(pause, left)):
                        await end.wait()
            pause = min(pause * 1.5, longest)

    async def cancel(self, attempt_id: str) -> None:
        """Have the attempt's process group killed; harmless if it ended."""
        check_attempt_id(attempt_id)
        await self._in_thread(lambda: self._cancel(self._folder(attempt_id)))

    async def remove(self, attempt_id: str) -> None:
        """Delete the run folder and leave a mark that keeps the attempt from beginning again."""
        check_attempt_id(attempt_id)
        await self._in_thread(lambda: self._remove(attempt_id))
        self._ends.pop(attempt_id, None)

    async def check(self) -> None:
        """Make the folder for runs; raises `TargetRefused` when it cannot be made or written."""
        await self._in_thread(self._check)

    async def close(self) -> None:
        """Let go; running commands go on."""
        self._pool.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _folder(self, attempt_id: str) -> str:
        return os.path.join(self._root, attempt_id)

    def _mark(self, attempt_id: str) -> str:
        return os.path.join(self._root, ".removed", attempt_id)

    def _start(self, attempt_id: str, files: Sequence[RunFile], ended: Callable[[], None]) -> Observation:
        self._own_root()
        if os.path.lexists(self._mark(attempt_id)):
            return Observation(status=CommandStatus.ABSENT, detail="it ended, and its run folder was removed")
        run = self._folder(attempt_id)
        try:
            if _may_begin(run):
                answer = self._launch(run, files, ended)
                if answer.startswith("failed "):
                    return Observation(status=CommandStatus.NOT_STARTED, detail=answer.removeprefix("failed "))
        except OSError as error:
            return Observation(status=CommandStatus.NOT_STARTED, detail=f"{run}: {error.strerror or error}")
        facts = self._look(attempt_id, 0, 0, 0)
        if facts is None:
            # It was there a moment ago: the script, or somebody else, deleted it.
            return Observation(status=CommandStatus.LOST, detail="its run folder is gone")
        observation = interpret(facts)
        if observation.status is CommandStatus.ABSENT:
            return Observation(status=CommandStatus.NOT_STARTED, detail="its runner ended before it began")
        return observation

    def _launch(self, run: str, files: Sequence[RunFile], ended: Callable[[], None]) -> str:
        """Start the runner and return its answer.

        It waits for our word, so that its shell comes up while the run folder is made and becomes durable.
        """
        runner = subprocess.Popen(
            ["/bin/sh", self._runner()],
            cwd=self._root,
            env=_clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
        threading.Thread(target=_reap, args=(runner, ended), name="target-reaper", daemon=True).start()
        stdin, stdout = runner.stdin, runner.stdout
        assert stdin is not None
        assert stdout is not None
        # Whatever goes wrong before the word is given, closing stdin makes the runner leave.
        with stdin, stdout:
            if not os.path.isdir(run):
                _publish(files, self._root, run)
            for folder in (run, os.path.join(run, "work"), self._root):
                _make_durable(folder)
            with contextlib.suppress(BrokenPipeError):
                stdin.write(b"go " + os.fsencode(run) + b"\n")
            ready, _, _ = select.select([stdout], [], [], _ANSWER_WITHIN)
            return stdout.read(4096).decode("utf-8", "replace").strip() if ready else ""

    def _runner(self) -> str:
        """Return the path of the runner's text, which all attempts of this version share; make it if it is missing."""
        path = os.path.join(self._root, f".runner-{hashlib.sha256(runner_text()).hexdigest()[:16]}")
        if not os.path.exists(path):
            os.makedirs(self._root, mode=0o700, exist_ok=True)
            new = f"{path}-{os.getpid()}-{threading.get_ident()}"
            try:
                _write(new, runner_text(), 0o600)
                os.replace(new, path)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(new)
                raise
        return path

    def _look(self, attempt_id: str, stdout_from: int, stderr_from: int, limit: int) -> Facts | None:
        run = self._folder(attempt_id)
        if not os.path.isdir(run):
            return None
        same_boot, taken = _exists(run, f"boot-{boot_id()}"), _exists(run, "taken")
        runner_alive = script_alive = False
        if same_boot and taken:
            runner_alive = _runner_alive(run)
            script_alive = not runner_alive and _living_script(run) is not None
        # After the processes: who was found dead has written its result before.
        result = _result(run)
        if script_alive and not result:
            _keep_limit(run)
        stdout, stdout_kept = _tail(run, "stdout", stdout_from, limit)
        stderr, stderr_kept = _tail(run, "stderr", stderr_from, limit)
        return Facts(
            same_boot=same_boot,
            taken=taken,
            runner_alive=runner_alive,
            script_alive=script_alive,
            started=_words(run, "started", 1)[0],
            result=result,
            stdout=stdout,
            stderr=stderr,
            stdout_kept=stdout_kept,
            stderr_kept=stderr_kept,
        )

    def _cancel(self, run: str) -> None:
        if not os.path.isdir(run):
            return
        # On a full disk the mark may fail; the pipe still tells a runner that lives.
        with contextlib.suppress(OSError):
            os.close(os.open(os.path.join(run, "cancel"), os.O_CREAT | os.O_WRONLY, 0o600))
        with contextlib.suppress(OSError):
            control = os.open(os.path.join(run, "control"), os.O_RDWR | os.O_NONBLOCK)
            try:
                if stat.S_ISFIFO(os.fstat(control).st_mode):
                    os.write(control, b"cancel\n")
            finally:
                os.close(control)
        if not _exists(run, f"boot-{boot_id()}") or _result(run) or _runner_alive(run):
            return
        if (leader := _living_script(run)) is not None:
            kill_group(leader)

    def _remove(self, attempt_id: str) -> None:
        os.makedirs(self._mark(attempt_id), mode=0o700, exist_ok=True)
        run = self._folder(attempt_id)
        for _ in range(3):
            # A daemon's output may still be written there at this moment.
            shutil.rmtree(run, ignore_errors=True)
            if not os.path.lexists(run):
                break
        if self._swept_at is None or time.monotonic() - self._swept_at > _MARK_KEPT / 7:
            self._swept_at = time.monotonic()
            _sweep(os.path.dirname(self._mark(attempt_id)))

    def _check(self) -> None:
        try:
            os.makedirs(self._root, mode=0o700, exist_ok=True)
        except OSError as error:
            raise TargetRefused(f"{self._root} cannot be made: {error.strerror}; set runs_root") from error
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise TargetRefused(f"{self._root} cannot be written; set runs_root, or give it to us")
        self._own_root()

    def _own_root(self) -> None:
        """Make sure that the folder for runs is ours alone: who may write there decides what we run."""
        try:
            owners = {os.lstat(self._root).st_uid, (folder := os.stat(self._root)).st_uid}
        except OSError:
            return  # it is not there yet, or whoever makes it says why it cannot be
        if not owners <= {0, os.geteuid()}:
            raise TargetRefused(f"{self._root} belongs to somebody else: remove it, or set another runs_root")
        if folder.st_mode & 0o022:
            raise TargetRefused(f"others may write to {self._root}: chmod go-w it, or set another runs_root")


def _may_begin(run: str) -> bool:
    """Say whether nobody has run it yet: no folder, or one of this boot that is not taken."""
    return not os.path.isdir(run) or (_exists(run, f"boot-{boot_id()}") and not _exists(run, "taken"))


def _publish(files: Sequence[RunFile], root: str, run: str) -> None:
    """Make the run folder, whole, by one rename; somebody else's that is there first stays."""
    new = os.path.join(root, f".new-{os.path.basename(run)}-{os.getpid()}-{threading.get_ident()}")
    os.makedirs(root, mode=0o700, exist_ok=True)
    try:
        os.mkdir(new, 0o700)
        os.mkdir(os.path.join(new, "work"), 0o700)
        for file in files:
            _write(os.path.join(new, file.path), file.content, file.mode)
        _write(os.path.join(new, f"boot-{boot_id()}"), b"", 0o600)
        for name in PIPES:
            os.mkfifo(os.path.join(new, name), 0o600)
        os.rename(new, run)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        if not os.path.isdir(run):
            raise


def _write(path: str, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def _make_durable(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reap(runner: subprocess.Popen[bytes], ended: Callable[[], None]) -> None:
    runner.wait()
    ended()


def _clean_environment() -> Mapping[str, str]:
    """Return what a runner, and with it a script, gets of our surroundings: no secret of ours."""
    user = pwd.getpwuid(os.geteuid())
    darwin = sys.platform == "darwin"
    return {
        "PATH": PATH + (":/opt/homebrew/bin" if darwin else ""),
        "LANG": "en_US.UTF-8" if darwin else "C.UTF-8",
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": "/bin/sh",
    }


def _exists(run: str, name: str) -> bool:
    return os.path.lexists(os.path.join(run, name))


def _words(run: str, name: str, count: int) -> Sequence[str]:
    """Return the first words of a file's first line, empty ones where there are fewer; the last takes the rest."""
    try:
        with open(os.path.join(run, name), encoding="utf-8", errors="replace") as file:
            words = file.readline().strip().split(" ", count - 1)
    except OSError:
        words = []
    return [*words, *[""] * count][:count]


def _runner_alive(run: str) -> bool:
    # It has just begun and is about to write who it is.
    for _ in range(100):
        pid, _, born = _words(run, "runner.id", 3)
        if pid:
            return pid.isdecimal() and is_alive(int(pid), born)
        if not _exists(run, "taken"):
            return False
        time.sleep(0.01)
    return False


def _living_script(run: str) -> int | None:
    """Return the process number of the script's leader, if it is the very process that was written down and lives."""
    pid, born = _words(run, "leader", 2)
    return int(pid) if pid.isdecimal() and int(pid) > 1 and is_alive(int(pid), born) else None


def _keep_limit(run: str) -> None:
    """Kill a script whose runner was killed when its time is over: nobody else does."""
    started = _words(run, "started", 1)[0]
    try:
        with open(os.path.join(run, "settings"), encoding="utf-8", errors="replace") as file:
            over = time.time() > float(started) + float(file.read().split("\n")[2])
    except (OSError, ValueError, IndexError):
        return
    if over and (leader := _living_script(run)) is not None:
        kill_group(leader)


def _result(run: str) -> Sequence[str]:
    try:
        with open(os.path.join(run, "result"), encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
    except OSError:
        return ()
    # Without its last line it is what a power loss left of it: no result.
    return lines[: lines.index("end")] if "end" in lines else ("",)


def _tail(run: str, name: str, offset: int, limit: int) -> tuple[bytes, int]:
    """Return at most ``limit`` bytes of the file from ``offset`` on, and the file's size."""
    try:
        with open(os.path.join(run, name), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if offset >= size or limit <= 0:
                return b"", size
            file.seek(offset)
            return file.read(min(limit, size - offset)), size
    except FileNotFoundError:
        return b"", 0


def _sweep(marks: str) -> None:
    """Forget marks and unfinished folders that are older than anything that could still be under way."""
    oldest = time.time() - _MARK_KEPT
    with os.scandir(marks) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    os.rmdir(entry.path)
    with os.scandir(os.path.dirname(marks)) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.name.startswith(".new-") and entry.stat(follow_symlinks=False).st_mtime < oldest:
                    shutil.rmtree(entry.path, ignore_errors=True)
