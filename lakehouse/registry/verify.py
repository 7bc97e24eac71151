"""Whether the artefacts of all model versions match what was registered. Read-only."""

import hashlib

import duckdb

from lakehouse.lake import Damage, Lake, Verification
from lakehouse.registry.versions import list_models, list_versions


def verify_artefacts(lake: Lake, done: Verification) -> None:
    """Compare each file of each version with its SHA-256 in the registry, and add the result to
    `done`.

    Artefacts are small: every byte is read, whichever check of the lake's files was requested.
    """
    remedy = "restore it from a backup, or train a new version and promote that"
    verified = 0
    try:
        versions = [v for model in list_models(lake) for v in list_versions(lake, model)]
    except duckdb.Error as error:
        problem = f"cannot be read ({error}), so no artefact was checked; restore its tables"
        done.damage.append(Damage("the registry", problem))
        return
    for version in versions:
        for name, digest in version.files.items():
            path = lake.settings.models_dir / version.artefact / name
            subject = f"{path} ({version.model} {version.version}, {version.state})"
            try:
                with path.open("rb") as stream:
                    same = hashlib.file_digest(stream, "sha256").hexdigest() == digest
            except OSError as error:
                problem = f"cannot be read ({error.strerror}); {remedy}"
                done.damage.append(Damage(subject, problem))
                continue
            if same:
                verified += 1
            else:
                problem = f"is not what was registered (SHA-256 differs); {remedy}"
                done.damage.append(Damage(subject, problem))
    done.looked_at["files of model versions by hash"] = verified
