"""A virtual environment for each peer, made from its pinned requirements and kept.

An environment is made again when its requirements change. Only names and versions are pinned: the
package index is the one that uv is configured for.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.benchmarks.processes import SCRIPTS
from tests.project import PROJECT

REQUIREMENTS = Path(__file__).parent / "requirements"
CACHE = PROJECT.root / "data" / "peers" / "environments"
PYTHON = "3.11"
_MARK = ".installed"
_TIMEOUT = 1_800


class InstallFailed(Exception):
    """A peer cannot be installed here; the message is the reason."""


def environment(name: str, cache: Path = CACHE) -> Path:
    """The Python of the environment `name`, which is made when it is missing or outdated.

    Raises:
        InstallFailed: with the last lines of the installer.
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    folder = cache / name
    mark = folder / _MARK
    if not mark.exists() or mark.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _uv("venv", "--quiet", "--python", PYTHON, str(folder))
        _uv(
            "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), "--no-deps",
            "--requirement", str(requirements),
        )  # fmt: skip
        mark.write_text(wanted)
    return folder / "bin" / "python"


def pinned(name: str) -> dict[str, str]:
    """The versions of an environment's packages."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def size_mb(name: str, cache: Path = CACHE) -> float:
    """Megabytes of an environment's files."""
    files = (path for path in (cache / name).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def _uv(*arguments: str) -> None:
    try:
        done = subprocess.run(
            [SCRIPTS / "uv", *arguments], capture_output=True, text=True, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        raise InstallFailed(f"uv {arguments[0]} took more than {_TIMEOUT} s") from error
    if done.returncode != 0:
        raise InstallFailed(" ".join(done.stderr.split()[-60:]) or f"uv {arguments[0]} failed")
