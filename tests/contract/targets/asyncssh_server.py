"""An SSH server that runs real processes, for machines without OpenSSH's.  Called with a port and a key folder."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncssh


async def serve_one(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run what the client asked for as OpenSSH does: in a session of its own that outlives the connection."""
    child = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", process.command or "exit 1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    process.exit(await child.wait())


async def main(port: int, folder: Path) -> None:
    await asyncssh.create_server(
        asyncssh.SSHServer,
        "127.0.0.1",
        port,
        server_host_keys=[str(folder / "host_key"), str(folder / "host_key_ecdsa")],
        authorized_client_keys=str(folder / "login_key.pub"),
        process_factory=serve_one,
        encoding=None,
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
