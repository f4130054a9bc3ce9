"""What acceptance tests share: real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.acceptance.wakeless_server import WakelessServer

#: Starts a server: settings (YAML that ends with a ``rules:`` list), scripts by key, environment, data folder, token.
StartsServer = Callable[..., WakelessServer]


@pytest.fixture(scope="module")
def wakeless_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartsServer]:
    """Give a factory of servers that live as long as the module's tests, and leave no process behind."""
    servers: list[WakelessServer] = []

    def start(
        settings: str,
        scripts: Mapping[str, str | bytes] | None = None,
        environment: Mapping[str, str] | None = None,
        data: Path | None = None,
        token: str = "",
    ) -> WakelessServer:
        folder = tmp_path_factory.mktemp("wakeless")
        server = WakelessServer(folder, settings, scripts or {}, environment or {}, data, token)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.clean_up()
