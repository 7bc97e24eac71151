"""The location of a declaration, for errors that are found later."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse.declarations.document import Document, SpecError, Step, read_yaml

KINDS = ("sources", "feature_sets", "models")
"""The folders of a domain, one for each kind of declaration."""


@dataclass(frozen=True)
class Place:
    """A `defs.yaml`, or no file. All places compare equal: they are not part of the declaration."""

    file: Path | None = field(default=None, compare=False)

    @property
    def domain(self) -> str:
        """The domain of `<domain>/<kind>/<name>/defs.yaml`; empty for a file anywhere else."""
        if (
            self.file is None
            or len(self.file.parts) < 4
            or self.file.parent.parent.name not in KINDS
        ):
            return ""
        return self.file.parent.parent.parent.name

    def sentence(self, message: str, *path: Step) -> str:
        """`message` after file, line and the attribute at `path`; alone if there is no file."""
        document = self._document()
        return document.sentence(message, "attributes", *path) if document else message

    def sentence_about(self, names: Collection[str], message: str) -> str:
        """`message` after file, line and field of the first value that is one of `names`."""
        document = self._document()
        return document.sentence(message, *document.find(names)) if document else message

    def _document(self) -> Document | None:
        """Reread the file, as errors are rare; None if the file has become unreadable."""
        try:
            return read_yaml(self.file) if self.file else None
        except SpecError:
            return None
