"""Lessons about how wrong a prediction is and what is near."""

from __future__ import annotations

import math
from typing import Annotated

from deepdream.errors import UsageError
from deepdream.lecture.course.lesson import (
    LessonAnswer,
    Option,
    TextTable,
    lesson,
    numbers_of,
    plots,
)


@lesson(
    "losses",
    "How wrong is a prediction? L1, squares, cross-entropy.",
    place=6,
    notes="Learning is minimizing a loss, or maximizing a target function: the same algorithm with the sign "
    "turned. L1 grows in proportion to the error, the squared error punishes large errors more, and "
    "cross-entropy punishes confident mistakes without limit. Always say how a loss is reduced: summed or "
    "averaged, over samples or over outputs as well.",
    slide="'L2 = (y - y_true)^2' is the squared error, not the L2 norm. The quadratic cost needs a norm: C = "
    "1/2 ||y - a||^2. Cross-entropy is not a distance: it is not symmetric. And 'intra-cluster variance / "
    "inter-cluster distance' names two criteria, not a ratio.",
)
def losses(
    truth: Annotated[str, Option("Targets, separated by commas.", "--true")] = "1,0,1",
    prediction: Annotated[str, Option("Predictions, separated by commas.", "--pred")] = "0.9,0.2,0.4",
) -> LessonAnswer:
    """Prints every loss for one target and prediction, summed and averaged."""
    y, a = numbers_of(truth, "--true"), numbers_of(prediction, "--pred")
    if len(y) != len(a) or not y:
        raise UsageError(
            f"--true has {len(y)} values and --pred {len(a)}: the two must be equal, and at least one."
        )
    from deepdream.lecture.losses import cross_entropy, l1, quadratic_cost, squared_error

    # One output per sample, shape (n, 1): then a sum over outputs is the value itself.
    outputs = [[value] for value in y], [[value] for value in a]
    # Cross-entropy takes the logarithm of a probability, so other numbers leave its row out.
    probabilities = all(0 <= value <= 1 for value in (*y, *a))
    rows = [
        (name, formula, float(loss(*outputs, "sum")), float(loss(*outputs, "mean")))
        for name, formula, loss in (
            ("L1", "|y - a|", l1),
            ("squared error", "(y - a)²", squared_error),
            ("quadratic cost", "½ (y - a)²", quadratic_cost),
            ("cross-entropy", "-y ln a - (1-y) ln(1-a)", cross_entropy),
        )
        if name != "cross-entropy" or probabilities
    ]
    return LessonAnswer(
        {"losses": {name: {"sum": total, "mean": mean} for name, _, total, mean in rows}},
        tables=[TextTable(("loss", "formula per sample", "sum", "mean"), rows)],
        plot=lambda theme: plots("distance").plot_losses(theme=theme),
        closing="" if probabilities else "Cross-entropy needs targets and predictions between 0 and 1.",
    )


@lesson(
    "distances",
    "What is near? Minkowski, Jaccard, the great circle.",
    place=9,
    notes="A loss needs a distance or a similarity. Minkowski's p chooses what a step costs: p=1 adds the "
    "legs, as on a grid of streets (Manhattan), p=2 is the straight line (Euclid), p=infinity is the "
    "longest leg (Chebyshev). Look at the unit balls: all points at distance 1.",
    slide="Minkowski is a metric only for p >= 1: below, the ball is not convex and a detour is shorter than "
    "the straight way. Jaccard is a similarity; libraries differ (one returns 1 - J), and for two empty "
    "sets as well: here J = 1. Great circle: the arccos formula of textbooks gives 0 m for points that "
    "are a tenth of a millimeter apart; the haversine formula does not.",
)
def distances(
    x: Annotated[str, Option("Coordinates of a point, separated by commas.")] = "0,0",
    y: Annotated[str, Option("Coordinates of another point.")] = "3,4",
    a: Annotated[str, Option("Words of a set, separated by commas.", "--set-a")] = "cat,dog,fish",
    b: Annotated[str, Option("Words of another set.", "--set-b")] = "dog,fish,owl,bee",
    start: Annotated[str, Option("First place: latitude,longitude in degrees.", "--from")] = "39.68,-75.75",
    end: Annotated[str, Option("Second place: latitude,longitude in degrees.", "--to")] = "40.85,14.27",
) -> LessonAnswer:
    """Prints Minkowski between two points, Jaccard between two sets, the great circle between two places."""
    from deepdream.lecture.distances import great_circle, jaccard_similarity, minkowski

    points = numbers_of(x, "--x"), numbers_of(y, "--y")
    ends = numbers_of(start, "--from"), numbers_of(end, "--to")
    if len(points[0]) != len(points[1]):
        raise UsageError("--x and --y must have the same number of coordinates.")
    if any(len(place) != 2 or abs(place[0]) > 90 for place in ends):
        raise UsageError("A place is latitude,longitude in degrees, the latitude from -90 to 90.")
    sets = [frozenset(word.strip() for word in words.split(",") if word.strip()) for words in (a, b)]
    names = ((0.5, "no metric"), (1, "Manhattan"), (2, "Euclid"), (3, ""), (math.inf, "Chebyshev"))
    rows = [(f"Minkowski p={p:g}", minkowski(*points, p), name) for p, name in names]
    rows.append(("Jaccard similarity", jaccard_similarity(*sets), "common / in either"))
    rows.append(("great circle (km)", great_circle(*ends), "haversine"))
    return LessonAnswer(
        {name: value for name, value, _ in rows},
        tables=[TextTable(("distance", "value", "also called"), rows)],
        plot=lambda theme: plots("distance").plot_distances(*sets, theme=theme),
    )
