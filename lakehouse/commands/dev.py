"""`lakehouse dev`: Dagster's UI and daemon, on loopback only, stopped together."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from lakehouse.settings import PROJECT_ROOT, Settings


def dev_command(settings: Settings, port: int) -> int:
    """Run `dagster dev` until it is interrupted; its exit status."""
    from lakehouse.orchestration.instance import dagster_home

    environment = {
        **os.environ,
        **settings.environment(),
        "DAGSTER_HOME": str(dagster_home(settings)),
    }
    command = [
        str(Path(sys.executable).with_name("dagster")),
        "dev",
        "--workspace",
        str(PROJECT_ROOT / "workspace.yaml"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    # a background job of a shell ignores ctrl-c, and its children would too
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment)
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the terminal has told the child as well; wait for its clean end
