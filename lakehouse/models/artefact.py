"""A version's files, never pickle: `model.txt` (LightGBM's text), `model.json` (the card), and
`evaluation.json` (the evaluation).

A folder is written completely or not at all, and is only used if its bytes match the registered
hashes.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from lakehouse.evaluation.document import Evaluation
from lakehouse.models.errors import BadArtefact
from lakehouse.models.model import Model, ModelCard
from lakehouse.registry import Version

TREES = "model.txt"
CARD = "model.json"
EVALUATION = "evaluation.json"


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def card_bytes(card: ModelCard) -> bytes:
    """The card as JSON, the same bytes for the same card."""
    return (json.dumps(card.model_dump(mode="json"), indent=1, sort_keys=True) + "\n").encode()


def write_artefact(models_dir: Path, artefact: str, files: Mapping[str, bytes]) -> None:
    """Write `files` into the folder `models_dir/artefact`, atomically.

    An existing folder was left by a process that died before it registered the version (version
    numbers are never reused), and is replaced.
    """
    folder = models_dir / artefact
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        for name, content in files.items():
            with open(temporary / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_model(models_dir: Path, artefact: str, files: Mapping[str, str]) -> Model:
    """The model in `models_dir/artefact`, whose `files` must have the given SHA-256.

    Raises:
        BadArtefact: for a missing or changed file, and for the card of another release.
    """
    contents = {
        name: _read_verified(models_dir / artefact / name, digest) for name, digest in files.items()
    }
    try:
        card = ModelCard.model_validate_json(contents[CARD])
    except ValidationError as error:
        raise BadArtefact(
            f"artefact {models_dir / artefact / CARD} was written by an incompatible release "
            f"({error.error_count()} fields differ); train a new version"
        ) from error
    return Model(card, contents[TREES].decode())


def artefact_problem(models_dir: Path, version: Version) -> str:
    """What is wrong with a version's files; empty if all match the registered hashes."""
    try:
        for name, digest in version.files.items():
            _read_verified(models_dir / version.artefact / name, digest)
    except BadArtefact as error:
        return str(error)
    return ""


def load_evaluation(models_dir: Path, version: Version) -> Evaluation:
    """A version's evaluation; only its metrics if no evaluation was stored.

    Raises:
        BadArtefact: for a missing or changed file.
    """
    if EVALUATION not in version.files:
        return Evaluation(metrics={period: dict(m) for period, m in version.metrics.items()})
    path = models_dir / version.artefact / EVALUATION
    return Evaluation.from_json(_read_verified(path, version.files[EVALUATION]).decode())


def _read_verified(path: Path, digest: str) -> bytes:
    remedy = (
        "restore it from a backup, or replace the version: run `lakehouse models rollback`, or "
        "train a new one"
    )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadArtefact(f"artefact {path} cannot be read ({error.strerror}); {remedy}") from error
    if sha256(content) != digest:
        raise BadArtefact(f"artefact {path} is not what was registered (SHA-256 differs); {remedy}")
    return content
