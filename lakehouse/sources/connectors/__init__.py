"""One connector a kind of source. Each puts complete files into landing, and does nothing else."""

from lakehouse.sources.connectors.extracting import Extraction, extract

__all__ = ["Extraction", "extract"]
