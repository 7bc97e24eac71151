"""A proxy to PostgreSQL that can be cut at a chosen moment."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

COMMIT, INSERT, SNAPSHOT = b"COMMIT", b"INSERT", b"ducklake_snapshot"
Cut = Literal["", "before", "after"]


@dataclass
class Wire:
    """Forward the traffic of client and server; `cut` loses the next commit, or the answer to it.

    Only commits of a session that has written a snapshot count. `down` refuses all clients; with
    `then_down`, it does so after the cut.
    """

    port: int
    cut: Cut = ""
    then_down: bool = False
    down: bool = False
    _sessions: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)

    def lose_all(self) -> None:
        for pair in self._sessions:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def serve(self, client: socket.socket, target: str) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as both:
            if self.down:
                return
            server.connect(target)
            self._sessions.append((client, server))
            both.register(client, selectors.EVENT_READ, server)
            both.register(server, selectors.EVENT_READ, client)
            writes = cutting = False
            with suppress(OSError):
                while True:
                    for key, _ in both.select():
                        data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                        if not data:
                            return
                        if cutting and key.fileobj is server:
                            return  # the server's answer is lost
                        if key.fileobj is client:
                            writes = writes or (INSERT in data and SNAPSHOT in data)
                            if writes and COMMIT in data and self.cut:
                                cut, self.cut = self.cut, ""
                                self.down = self.then_down
                                if cut == "before":
                                    return
                                cutting = True
                        key.data.sendall(data)


@contextmanager
def wire(socket_folder: Path) -> Iterator[Wire]:
    """A proxy from a free local port to the server's socket in that folder."""
    target = str(socket_folder / ".s.PGSQL.5432")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Wire(listening.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=made.serve, args=(client, target), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield made
        made.lose_all()
