"""The landing zone: complete, immutable files, one folder (or object-store prefix) a source.

Names, listing and atomic writes. What is inside the files is for `reading`.
"""

from lakehouse.sources.landing.files import LandedFile, seal_name, sha256, shown
from lakehouse.sources.landing.zone import Landing

__all__ = ["LandedFile", "Landing", "seal_name", "sha256", "shown"]
