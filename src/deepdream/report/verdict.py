"""The first screen of a page: why it said so as far as a map can tell, and whether to believe it, in words."""

from __future__ import annotations

import math
from collections import Counter

from deepdream.attribution import Explanation
from deepdream.pages import Html, card, cards, drawing, photo, tag
from deepdream.report.coloring import drawn_map
from deepdream.report.study import Study

#: The share of slightly changed pictures that must keep the first answer for it to be worth some care, not none.
MOSTLY = 0.75
#: A second class nearer than this is told of.
CLOSE = 0.1


def headline(study: Study) -> str:
    """The question of the page."""
    other = study.context.against
    instead = "" if other is None else f", not “{study.model.label(other)}”"
    return f"Why “{study.prediction.label}”{instead}?"


def lead(study: Study) -> str:
    """What the network said, in a sentence."""
    said = study.prediction
    first = said.top[0]
    words = f"{study.model.name} gives {first.probability:.1%} to “{first.label}”"
    if len(said.top) > 1:
        words += f" and {said.top[1].probability:.1%} to “{said.top[1].label}”"
    if study.context.against is not None:
        words += _rival(study)
    if first.index != said.target:
        words += f"; this page asks about “{said.label}”, which gets {said.probability:.1%}"
    return f"{words}."


def _rival(study: Study) -> str:
    """What the class gets that the answer is compared with, if it was not told already."""
    said, index = study.prediction, study.context.against
    if index is None or index in [answer.index for answer in said.top[:2]]:
        return ""
    among = [answer for answer in said.top if answer.index == index]
    share = f"{among[0].probability:.1%}" if among else f"less than {said.top[-1].probability:.1%}"
    return f"; “{study.model.label(index)}” gets {share}"


def beside(study: Study) -> Html:
    """The picture as the network saw it, and over it the map for which most checks speak."""
    seen = tag(
        "figure",
        photo(study.fed, f"What {study.model.name} was fed."),
        tag("figcaption", "What the network saw."),
    )
    best = study.best()
    return tag("div", seen, None if best is None else _best(study, best), class_="glance")


def _best(study: Study, made: Explanation) -> Html:
    speaks, judged = study.support(made.method)
    over = drawing(drawn_map(made).pixels, place_words(made), class_="over")
    layers = tag("div", photo(study.fed, ""), over, class_="layers")
    standing = study.standing()
    chance = "" if made.method in standing or not study.judged() else " It does not beat chance."
    words = f"{made.method}: {speaks} of {judged} checks speak for this map, the best supported.{chance}"
    return tag("figure", layers, tag("figcaption", words))


def place_words(made: Explanation) -> str:
    """Where a map is strongest, in words."""
    kind = "signed" if made.signed else "unsigned"
    return f"Map of {made.method} for “{made.label}” ({kind}); its largest value is {made.place}."


def answers(study: Study) -> Html:
    """The two answers in words, and the four numbers they rest on."""
    words = tag(
        "div",
        card("Why did it say so?", *why(study)),
        card("Should the answer be believed?", *belief(study)),
        class_="cards verdicts",
    )
    said, steady = study.prediction, study.stability
    numbers = cards(
        card("How sure", f"{said.top[0].probability:.1%}", _sureness(study)),
        card(
            "How steady",
            f"{steady.kept} of {len(steady.trials)}",
            "slightly changed pictures (mirrored, cropped, with noise) got the same first answer.",
        ),
        card(
            "Maps past chance",
            f"{len(study.standing())} of {len(study.judged())}" if study.judged() else "–",
            "at both deletion and insertion: hiding and showing the places the map ranks first.",
        ),
        card("Do the maps agree", *_agreement(study)),
    )
    return tag("div", words, numbers, class_="answers")


def why(study: Study) -> tuple[str, str]:
    """As far as a map can tell: a headline and a few sentences."""
    label, total, standing = study.prediction.label, len(study.judged()), study.standing()
    if not study.explanations:
        return "No map says", "None of the methods asked for gave a map."
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
    return f"{count} can say where", (
        f"{_listed(standing)} {'ranks' if len(standing) == 1 else 'rank'} the places that “{label}” rests on better "
        f"than {controls} do: the probability falls sooner when these are hidden and comes sooner when they are shown."
    )


def belief(study: Study) -> tuple[str, str]:
    """How far the answer deserves belief: a headline and a few sentences."""
    if study.model.weights.origin.startswith("seeded"):
        return (
            "No",
            "This network’s weights were drawn by chance. It has learned nothing, so nothing follows.",
        )
    trials, kept = study.stability.trials, study.stability.kept
    if kept == len(trials):
        words = (
            f"All {kept} slightly changed pictures get the same first answer. That makes it repeatable, not right: "
            "no check on this page knows what the picture shows."
        )
        return "It is steady", words + _closeness(study)
    others = Counter(trial.label for trial in trials if not trial.kept)
    label, _ = others.most_common(1)[0]
    mostly = "mostly " if len(others) > 1 else ""
    changed = f"{len(trials) - kept} of {len(trials)} slightly changed pictures"
    words = f"{changed} get another first answer, {mostly}“{label}”."
    verdict = "With care" if kept >= MOSTLY * len(trials) else "Hardly: it wavers"
    return verdict, words + _closeness(study)


def _closeness(study: Study) -> str:
    margin = study.prediction.margin
    return f" The second class is only {100 * margin:.1f} points behind the first." if margin < CLOSE else ""


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sureness(study: Study) -> str:
    return f"{100 * study.prediction.margin:.1f} points ahead of the second class. {entropy_words(study)}"


def entropy_words(study: Study) -> str:
    """The entropy, and what its least and most would mean."""
    said = study.prediction
    most = math.log2(said.classes)
    return f"Entropy {said.entropy:.2f} bits: 0 would be one class for certain, {most:.2f} all {said.classes:,} alike."


def _agreement(study: Study) -> tuple[str, str]:
    value = study.median_agreement()
    if value is None:
        return "–", "There are no two maps to compare."
    words = (
        "is the median rank correlation of two maps: 1 would be the same order of places, 0 unrelated ones."
    )
    return f"{value:.2f}".replace("-", "−"), words
