"""Files that another system puts into the landing folder, or into a folder of their own."""

import filecmp
import os
import shutil
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from lakehouse.sources.connectors.connector import Connector, Landed
from lakehouse.sources.contract import Contract
from lakehouse.sources.errors import SourceDown
from lakehouse.sources.landing import LandedFile, Landing, printable
from lakehouse.sources.landing.folder import Folder
from lakehouse.sources.places import resolve


class FilesConnector(Connector):
    """Another system puts complete files into the landing folder.

    With `folder` it puts them there instead, and each file is copied to the landing folder once,
    under its name. A copied file never changes: corrected rows come in a file with another name.
    """

    kind: Literal["files"] = "files"
    is_delivered: ClassVar[bool] = True
    folder: str = Field(
        default="",
        description="A folder to copy files from, relative to the project; files and folders whose "
        "names start with a dot are not read",
    )

    @field_validator("folder")
    @classmethod
    def _on_this_machine(cls, folder: str) -> str:
        if "://" in folder:
            raise ValueError(
                f"{folder!r} is not a folder on this machine; let the files of a bucket be put "
                "into the landing zone itself"
            )
        return folder

    def land(self, contract: Contract, landing: Landing, last: datetime | None) -> Iterable[Landed]:
        """Copy the files of `folder` that the landing zone lacks, by name.

        Raises:
            SourceDown: when the folder or a file cannot be read, or a file differs from its copy.
        """
        if not self.folder:
            return
        landed = {file.name: file for file in landing.files()}
        for file in self._files(landing):
            if file.name not in landed:
                yield Landed(landing.put(file.name, partial(_copy, file.path)))
            elif _has_changed(file, landed[file.name], landing):
                raise SourceDown(
                    f"{file.path} has changed since it was copied to {landing.root}, and landed "
                    "files stay; put its new rows into a file with another name"
                )

    def news(
        self, contract: Contract, landing: Landing, last: datetime | None, now: datetime
    ) -> str:
        """How many files of `folder` the landing zone lacks, and the last of them, if any.

        Files in the landing folder itself are checked for every source.
        """
        if not self.folder:
            return ""
        landed = {file.name for file in landing.files()}
        new = [file.name for file in self._files(landing) if file.name not in landed]
        return f"{len(new)} new files up to {printable(new[-1])}" if new else ""

    def _files(self, landing: Landing) -> list[LandedFile]:
        """Every file of the folder, by name."""
        settings = landing.settings
        root = settings.project_dir / resolve(self.folder, settings)
        if not root.is_dir():
            raise SourceDown(f"there is no folder {root}; make it, or correct `folder`")
        if not landing.remote and Path(landing.root).resolve().is_relative_to(root.resolve()):
            raise SourceDown(
                f"{root} contains the landing zone {landing.root}, whose files it would copy again "
                "and again; set `folder` to a folder of its own"
            )
        try:
            files = sorted(Folder(str(root)).files(), key=lambda file: file.name)
        except OSError as error:
            raise SourceDown(f"cannot list {root}: {error.strerror}; correct its rights") from error
        for file in files:
            if file.problem:
                raise SourceDown(f"{file.path} cannot be read: {file.problem}; move it elsewhere")
        return files


def _has_changed(file: LandedFile, copy: LandedFile, landing: Landing) -> bool:
    """Whether a file differs from its copy; on a local disk the copy has its time of writing."""
    if file.bytes != copy.bytes:
        return True
    if landing.remote or file.modified == copy.modified:
        return False
    return not filecmp.cmp(file.path, copy.path, shallow=False)


def _copy(source: str, target: Path) -> None:
    """Copy a file and its time. Raises `OSError` if it is not complete: it changes meanwhile."""
    before = os.stat(source)
    shutil.copyfile(source, target)
    after = os.stat(source)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise OSError(f"{source} is still being written")
    os.utime(target, ns=(after.st_atime_ns, after.st_mtime_ns))
