"""The first screen of a page: why it said so as far as a map can tell, and whether to believe it, in words."""

from __future__ import annotations

import math
from collections import Counter

from deepdream.attribution import Explanation
from deepdream.models.answers import COLUMN_OF
from deepdream.pages import Html, card, cards, drawing, photo, tag
from deepdream.report.coloring import drawn_map
from deepdream.report.report_data import ReportData

#: The share of slightly changed pictures that must keep the first answer for it to be worth some care, not none.
MOSTLY = 0.75
#: A second class nearer than this is mentioned.
CLOSE = 0.1


def headline(report_data: ReportData) -> str:
    """The question of the page."""
    other = report_data.context.against
    instead = "" if other is None else f", not “{report_data.model.label(other)}”"
    return f"Why “{report_data.prediction.label}”{instead}?"


def lead(report_data: ReportData) -> str:
    """What the network said, in a sentence."""
    prediction = report_data.prediction
    first = prediction.top[0]
    words = (
        f"{report_data.model.name} gives {report_data.model.in_words(first.probability)} to “{first.label}”"
    )
    if len(prediction.top) > 1:
        words += (
            f" and {report_data.model.in_words(prediction.top[1].probability)} to “{prediction.top[1].label}”"
        )
    if report_data.context.against is not None:
        words += _rival(report_data)
    if first.index != prediction.target:
        share = report_data.model.in_words(prediction.probability)
        words += f"; this page asks about “{prediction.label}”, which gets {share}"
    return f"{words}."


def _rival(report_data: ReportData) -> str:
    """What the class gets that the answer is compared with, if it was not told already."""
    prediction, index = report_data.prediction, report_data.context.against
    if index is None or index in [answer.index for answer in prediction.top[:2]]:
        return ""
    in_words = report_data.model.in_words
    among = [answer for answer in prediction.top if answer.index == index]
    share = (
        in_words(among[0].probability) if among else f"less than {in_words(prediction.top[-1].probability)}"
    )
    return f"; “{report_data.model.label(index)}” gets {share}"


def beside(report_data: ReportData) -> Html:
    """The picture as the network saw it, and over it the map for which most checks speak."""
    figure = tag(
        "figure",
        photo(report_data.fed, f"What {report_data.model.name} was fed."),
        tag("figcaption", "What the network saw."),
    )
    best = report_data.best()
    return tag("div", figure, None if best is None else _best(report_data, best), class_="glance")


def _best(report_data: ReportData, explanation: Explanation) -> Html:
    supports, judged = report_data.support(explanation.method)
    over = drawing(drawn_map(explanation).pixels, place_words(explanation), class_="over")
    layers = tag("div", photo(report_data.fed, ""), over, class_="layers")
    standing = report_data.standing()
    chance = "" if explanation.method in standing or not report_data.judged() else " It does not beat chance."
    words = (
        f"{explanation.method}: {supports} of {judged} checks support this map, the best supported.{chance}"
    )
    return tag("figure", layers, tag("figcaption", words))


def place_words(explanation: Explanation) -> str:
    """Where a map is strongest, in words."""
    kind = "signed" if explanation.signed else "unsigned"
    return f"Map of {explanation.method} for “{explanation.label}” ({kind}); its largest value is {explanation.place}."


def answers(report_data: ReportData) -> Html:
    """The two answers in words, and the four numbers they rest on."""
    words = tag(
        "div",
        card("Why did it say so?", *why(report_data)),
        card("Should the answer be believed?", *belief(report_data)),
        class_="cards verdicts",
    )
    prediction = report_data.prediction
    numbers = cards(
        card("How sure", report_data.model.in_words(prediction.top[0].probability), _sureness(report_data)),
        card("How steady", *_steadiness(report_data)),
        card(
            "Maps past chance",
            f"{len(report_data.standing())} of {len(report_data.judged())}" if report_data.judged() else "–",
            "at both deletion and insertion: hiding and showing the places the map ranks first.",
        ),
        card("Do the maps agree", *_agreement(report_data)),
    )
    return tag("div", words, numbers, class_="answers")


def why(report_data: ReportData) -> tuple[str, str]:
    """As far as a map can tell: a headline and a few sentences."""
    label, total, standing = report_data.prediction.label, len(report_data.judged()), report_data.standing()
    if not report_data.explanations:
        return "No map says", "None of the chosen methods gave a map."
    if not total:
        return "Not checked", (
            "There was no time for deletion and insertion: the maps below have not been checked against chance. A "
            "larger --budget gives it."
        )
    controls = "random maps, a centered blob and an edge detector"
    if not standing:
        return "No map can say", (
            f"None of {total} maps ranks the places that “{label}” rests on better than {controls} do. "
            "So where they point may not be taken for the reason."
        )
    count = f"{len(standing)} of {total} maps"
    listed = standing[0] if len(standing) == 1 else f"{', '.join(standing[:-1])} and {standing[-1]}"
    verb = "ranks" if len(standing) == 1 else "rank"
    return f"{count} can say where", (
        f"{listed} {verb} the places that “{label}” rests on better than {controls} do: "
        f"the {COLUMN_OF[report_data.model.output_kind]} falls sooner when these are hidden and comes sooner when they "
        "are shown."
    )


def belief(report_data: ReportData) -> tuple[str, str]:
    """How far the answer deserves belief: a headline and a few sentences."""
    if report_data.model.weights.origin.startswith("seeded"):
        return (
            "No",
            "The weights of this network are random. It has learned nothing, so nothing follows.",
        )
    trials, unchanged = report_data.stability.trials, report_data.stability.kept
    if report_data.model.output_kind == "regression":
        return "It is a number", (
            f"In {len(trials)} slightly changed pictures it lies between {_spread(report_data, 'and')}. How much of "
            "that is too much depends on its use; no check on this page knows the right number."
        )
    if unchanged == len(trials):
        words = (
            f"All {unchanged} slightly changed pictures get the same first answer. That makes it repeatable, not "
            "right: no check on this page knows what the picture shows."
        )
        return "It is steady", words + _closeness(report_data)
    others = Counter(trial.label for trial in trials if not trial.kept)
    label, _ = others.most_common(1)[0]
    mostly = "mostly " if len(others) > 1 else ""
    changed = f"{len(trials) - unchanged} of {len(trials)} slightly changed pictures"
    words = f"{changed} get another first answer, {mostly}“{label}”."
    if report_data.model.output_kind == "sigmoid":
        words = f"{changed} get the other answer, yes or no, for “{report_data.prediction.label}”."
    verdict = "With care" if unchanged >= MOSTLY * len(trials) else "Hardly: it wavers"
    return verdict, words + _closeness(report_data)


def _steadiness(report_data: ReportData) -> tuple[str, str]:
    kind, steady = report_data.model.output_kind, report_data.stability
    if kind == "regression":
        return _spread(
            report_data, "to"
        ), "the number in slightly changed pictures (mirrored, cropped, with noise)."
    answer = "first answer" if kind == "softmax" else "yes or no"
    words = f"slightly changed pictures (mirrored, cropped, with noise) got the same {answer}."
    return f"{steady.kept} of {len(steady.trials)}", words


def _spread(report_data: ReportData, word: str) -> str:
    """The least and the largest value in the slightly changed pictures."""
    values = [trial.probability for trial in report_data.stability.trials]
    return f"{report_data.model.in_words(min(values))} {word} {report_data.model.in_words(max(values))}"


def _closeness(report_data: ReportData) -> str:
    margin = report_data.prediction.margin
    if report_data.model.output_kind != "softmax":
        return ""  # no class excludes another, so none is behind
    return f" The second class is only {100 * margin:.1f} points behind the first." if margin < CLOSE else ""


def _sureness(report_data: ReportData) -> str:
    kind = report_data.model.output_kind
    if kind == "sigmoid":
        return "Each label has a probability by itself; above 50% the network says yes, unless a threshold is set."
    if kind == "regression":
        return "A number, not a probability: the network does not say how sure it is."
    return f"{100 * report_data.prediction.margin:.1f} points ahead of the second class. {entropy_words(report_data)}"


def entropy_words(report_data: ReportData) -> str:
    """The entropy, and what its least and most would mean."""
    prediction = report_data.prediction
    most = math.log2(prediction.classes)
    alike = f"{most:.2f} all {prediction.classes:,} alike"
    return f"Entropy {prediction.entropy:.2f} bits: 0 would be one class for certain, {alike}."


def _agreement(report_data: ReportData) -> tuple[str, str]:
    value = report_data.median_agreement()
    if value is None:
        return "–", "There are no two maps to compare."
    words = (
        "is the median rank correlation of two maps: 1 would be the same order of places, 0 unrelated ones."
    )
    return f"{value:.2f}".replace("-", "−"), words
