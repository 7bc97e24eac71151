"""The report of a model version: read from registry, artefact and pinned rows, and written.

`evaluation.report` defines the page's layout, `evaluation.plots` draws the pictures. Nothing here
changes an artefact.
"""

from lakehouse.training.report.gathering import ReportData, gather
from lakehouse.training.report.summary import report_summary
from lakehouse.training.report.write import REPORT, draw_report, write_report

__all__ = ["REPORT", "ReportData", "draw_report", "gather", "report_summary", "write_report"]
