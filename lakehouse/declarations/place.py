"""The location of a declaration, for errors that are found later."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse.declarations.document import Document, SpecError, Step, read_yaml


@dataclass(frozen=True)
class Place:
    """A `defs.yaml`, or no file. All places compare equal: they are not part of the declaration."""

    file: Path | None = field(default=None, compare=False)

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
