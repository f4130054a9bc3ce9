"""A folder of scripts."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from wakeless.remediation.catalogue import show
from wakeless.remediation.plan import ScriptRef
from wakeless.remediation.ports import ScriptChanged, StoreRefused, StoreUnreachable
from wakeless.store.remediations.script import MAX_KEYS, MAX_SCRIPT, describe, require_safe, require_same

#: "It is not there", in the words of `open`; a name longer than the file system takes cannot be there either.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR, errno.ENXIO})


class FolderStore:
    """Scripts in a folder and its sub-folders.

    Symbolic links are followed where they stay inside the folder (as a mounted ConfigMap has them), and refused where
    they lead out of it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @property
    def root(self) -> str:
        """Where it is, for people."""
        return self._root.as_uri() + "/"

    async def find(self, keys: Sequence[str]) -> Sequence[ScriptRef]:
        """Return those of ``keys`` that are there; raises `StoreUnreachable`, `StoreRefused`."""
        return await asyncio.to_thread(self._find, keys)

    async def read(self, script: ScriptRef) -> bytes:
        """Return that very version's bytes; raises `StoreUnreachable`, `StoreRefused`, `ScriptChanged`."""
        content = await asyncio.to_thread(self._read, script.key)
        if content is None:
            raise ScriptChanged(f"{show(script.key)} is no longer in {self.root}")
        return require_same(script, content)

    async def keys(self) -> Sequence[str]:
        """Return every key, sorted; hidden files and folders are left out. Raises `StoreUnreachable`."""
        return await asyncio.to_thread(self._keys)

    def _find(self, keys: Sequence[str]) -> list[ScriptRef]:
        found = []
        for key in keys:
            content = self._read(key)
            if content is not None:
                found.append(describe(key, self._root.joinpath(key).as_uri(), content))
        return found

    def _read(self, key: str) -> bytes | None:
        require_safe(key)
        try:
            root = os.path.realpath(self._root, strict=True)
            return _read_below(root, key)
        except OSError as error:
            words = error.strerror or type(error).__name__
            if not os.path.isdir(self._root):
                raise StoreUnreachable(f"the folder {self._root} is not there") from error
            if error.errno in _ABSENT:
                return None
            if error.errno in _REFUSED:
                raise StoreRefused(f"{show(key)} cannot be read: {words}") from error
            raise StoreUnreachable(f"{show(key)} cannot be read: {words}") from error

    def _keys(self) -> list[str]:
        def fail(error: OSError) -> None:
            raise StoreUnreachable(f"the folder {error.filename} cannot be listed: {error.strerror}") from error

        found: list[str] = []
        for folder, folders, files in os.walk(self._root, onerror=fail):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = Path(folder).relative_to(self._root)
            found.extend((below / name).as_posix() for name in files if not name.startswith("."))
            if len(found) > MAX_KEYS:
                raise StoreRefused(f"{self.root} has more than {MAX_KEYS} files: is it the right folder?")
        return sorted(found)


def _read_below(root: str, key: str) -> bytes | None:
    """Return the file's bytes, or None if there is none; raises `OSError`, `StoreRefused`."""
    real = os.path.realpath(os.path.join(root, key), strict=True)
    if os.path.commonpath([root, real]) != root:
        raise StoreRefused(f"{show(key)} leads out of the store by a symbolic link")
    if not _has_that_case(root, key):
        return None
    # What was a folder a moment ago may be a link now: every part is opened below the last one, links refused.
    parts = os.path.relpath(real, root).split(os.sep)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Not blocking: a FIFO would wait for its writer for ever.
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise StoreRefused(f"{show(key)} is not a plain file")
        return opened.read(MAX_SCRIPT + 1)


def _has_that_case(root: str, key: str) -> bool:
    """Say whether the key's parts are written just so; file systems that fold case would find others too."""
    folder = root
    for part in key.split("/"):
        other = part.swapcase()
        if other != part and os.path.exists(os.path.join(folder, other)) and part not in os.listdir(folder):
            return False
        folder = os.path.join(folder, part)
    return True
