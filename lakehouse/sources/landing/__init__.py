"""The landing zone: complete, immutable files, one folder (or object-store prefix) per source.

This package covers names, listing and atomic writes; `reading` covers the contents of files.
"""

from lakehouse.sources.landing.files import LandedFile, printable, seal_name, sha256
from lakehouse.sources.landing.zone import Landing

__all__ = ["LandedFile", "Landing", "printable", "seal_name", "sha256"]
