"""One self-contained page per question: why did the network say this, and should I believe the answer?"""

from deepdream.report.index import Entry, entry_of, write_index
from deepdream.report.inquiry import BUDGET, CHECKS, METHODS, Wishes, investigate
from deepdream.report.prediction import Prediction, Stability, predict, stability_of
from deepdream.report.study import Study
from deepdream.report.writing import places_of, refuse_existing, report_page, write_report

__all__ = [
    "BUDGET",
    "CHECKS",
    "METHODS",
    "Entry",
    "Prediction",
    "Stability",
    "Study",
    "Wishes",
    "entry_of",
    "investigate",
    "places_of",
    "predict",
    "refuse_existing",
    "report_page",
    "stability_of",
    "write_index",
    "write_report",
]
