"""A local port at which nobody may knock: for tests that something stays offline."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def unvisited_port() -> Iterator[int]:
    """Give a port of this machine that listens; fails afterwards if anyone connected to it."""
    visits: list[object] = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def watch() -> None:
            # asked once more after the end, as a visitor may still wait in the queue
            while True:
                last = done.is_set()
                with suppress(TimeoutError):
                    connection, address = server.accept()
                    connection.close()
                    visits.append(address)
                if last:
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            watcher.join()
    assert visits == []
