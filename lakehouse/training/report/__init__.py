"""The report of a model version: gathered from registry, artefact and pinned rows, and written.

What a page looks like is `evaluation.report`'s, how pictures are drawn `evaluation.plots`'. None
of this can change an artefact.
"""

from lakehouse.training.report.gather import Gathered, gather
from lakehouse.training.report.summary import report_summary
from lakehouse.training.report.write import REPORT, draw_report, write_report

__all__ = ["REPORT", "Gathered", "draw_report", "gather", "report_summary", "write_report"]
