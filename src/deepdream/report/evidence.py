"""The sections of a report that say how far its maps can be trusted."""

from __future__ import annotations

from deepdream.pages import Section
from deepdream.report import health
from deepdream.report.report_data import ReportData


def evidence(report_data: ReportData, prefix: str) -> list[Section]:
    """The checks, the agreement of the methods, and the curves of those checks that were made; none without maps."""
    if not report_data.explanations:
        return []
    sections = [
        Section(
            f"{prefix}health",
            "Checks",
            "Can the maps be trusted?",
            health.health_table(report_data),
            "A number alone means nothing: a blob in the middle of the picture beats many methods, because things are "
            "photographed in the middle. So every number stands beside maps that do not depend on the network, and "
            "supports a method only beyond all of them.",
        ),
        Section(
            f"{prefix}agreement",
            "Agreement",
            "Do the methods agree?",
            health.agreement_matrix(report_data),
            "Methods that agree may share a fault; methods that do not cannot all be right.",
        ),
    ]
    # Both curves are drawn on one plot, so one of them alone is not shown.
    if "deletion" in report_data.checks and "insertion" in report_data.checks:
        sections.append(removal(report_data, prefix))
    if "randomization" in report_data.checks:
        sections.append(shuffling(report_data, prefix))
    return sections


def removal(report_data: ReportData, prefix: str) -> Section:
    """Deletion and insertion: how the probability changes while cells are hidden, and shown."""
    rows, columns = report_data.context.grid
    is_compared = report_data.context.against is not None
    lead = (
        f"The picture is cut into {rows} × {columns} cells. They are hidden one after the other in the order in which "
        "the map ranks them, then shown in it: a map that is right about what matters makes the probability fall, and "
        "rise, sooner than chance does."
        + (" Probability is here the class’s share of the two compared." if is_compared else "")
    )
    curves = health.removal_curves(report_data)
    return Section(f"{prefix}curves", "Removal", "Taking the picture apart", curves, lead)


def shuffling(report_data: ReportData, prefix: str) -> Section:
    """Randomization: how the maps change while the weights are shuffled from the top down."""
    lead = (
        "The weights are shuffled layer by layer from the top down, and each map is made again: does it depend on "
        "what the network has learned at all?"
    )
    curves = health.randomization_curves(report_data)
    return Section(f"{prefix}shuffled", "Shuffling", "Shuffling what it has learned", curves, lead)
