"""A proposal: the new files with their text, and what they assume. Written all or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse.scaffolding.errors import ScaffoldingError


@dataclass(frozen=True)
class File:
    """A file to write. `before` is the text that it replaces; None for a file that is new."""

    path: Path
    text: str
    before: str | None = None


@dataclass(frozen=True)
class Proposal:
    """Files in the order in which a person reads them, and one sentence for each assumption."""

    files: tuple[File, ...]
    assumptions: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()


def refuse_existing(files: Sequence[File]) -> None:
    """Refuse to overwrite.

    Raises:
        ScaffoldingError: for a new file that exists, and for one that has changed meanwhile.
    """
    for file in files:
        if file.before is None and file.path.exists():
            raise ScaffoldingError(
                f"{file.path} exists and is never overwritten; choose another name, or remove it"
            )
        if file.before is not None and file.path.read_text(encoding="utf-8") != file.before:
            raise ScaffoldingError(f"{file.path} has changed meanwhile; run the command again")


def write(proposal: Proposal) -> None:
    """Write all files; if one fails, remove those that were written.

    Raises:
        ScaffoldingError: as `refuse_existing`, before anything is written, or when the disk
            refuses.
    """
    refuse_existing(proposal.files)
    done: list[File] = []
    try:
        for folder in proposal.folders:
            folder.mkdir(parents=True, exist_ok=True)
        for file in proposal.files:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            with file.path.open("x" if file.before is None else "w", encoding="utf-8") as stream:
                done.append(file)
                stream.write(file.text)
    except OSError as error:
        for file in done:
            if file.before is None:
                file.path.unlink(missing_ok=True)
            else:
                file.path.write_text(file.before, encoding="utf-8")
        raise ScaffoldingError(
            f"cannot write {error.filename}: {error.strerror}; nothing was changed"
        ) from error
