"""One self-contained page per question: why did the network say this, and should I believe the answer?"""

from deepdream.report.collecting import (
    BUDGET,
    METHODS,
    ReportOptions,
    ReportStage,
    collect,
    investigate,
    usual_checks,
)
from deepdream.report.index import ReportEntry, entry_of, read_entries, write_index
from deepdream.report.report_data import ReportData
from deepdream.report.robustness import PredictionSummary, Stability, predict, stability_of
from deepdream.report.writing import output_paths, refuse_existing, report_page, write_report

__all__ = [
    "BUDGET",
    "METHODS",
    "PredictionSummary",
    "ReportData",
    "ReportEntry",
    "ReportOptions",
    "ReportStage",
    "Stability",
    "collect",
    "entry_of",
    "investigate",
    "output_paths",
    "predict",
    "read_entries",
    "refuse_existing",
    "report_page",
    "stability_of",
    "usual_checks",
    "write_index",
    "write_report",
]
