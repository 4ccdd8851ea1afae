"""What was fed, what the network said, and whether it says so again: the first sections of a page."""

from __future__ import annotations

import math

from deepdream.images import resize
from deepdream.pages import Html, card, cards, meter, photo, prose, stack, table, tag
from deepdream.report.prediction import CROP, Trial
from deepdream.report.study import Study

ORIGINAL_SIDE = 720


def headline(study: Study) -> str:
    """The question of the page."""
    other = study.case.against
    instead = "" if other is None else f", not “{study.model.label(other)}”"
    return f"Why “{study.prediction.label}”{instead}?"


def lead(study: Study) -> str:
    """The answer in two sentences."""
    said = study.prediction
    first = said.top[0]
    words = f"{study.model.name} gives {first.probability:.1%} to “{first.label}”"
    if len(said.top) > 1:
        words += f", and {said.top[1].probability:.1%} to “{said.top[1].label}”"
    if first.index != said.target:
        words += f"; this page asks about “{said.label}”, which gets {said.probability:.1%}"
    return f"{words}. {_belief(study)}"


def _belief(study: Study) -> str:
    standing, total = len(study.standing()), len(study.judged())
    steady = study.stability.kept == len(study.stability.trials)
    sure = "It stays with its first answer" if steady else "It changes its first answer"
    if not total:
        return f"{sure} when the picture changes a little. The explanations below have not been checked against chance."
    better = f"{standing} of {total} explanations beat" if standing else "no explanation beats"
    words = f"{better} maps that know nothing of the network at both deletion and insertion"
    return f"{sure} when the picture changes a little; {words}."


def answers(study: Study) -> Html:
    """The short answers at the top of a page."""
    said, steady = study.prediction, study.stability
    agreement = study.median_agreement()
    standing = study.standing()
    return cards(
        card("How sure", f"{said.top[0].probability:.1%}", _sureness(study)),
        card(
            "How steady",
            f"{steady.kept} of {len(steady.trials)}",
            "times it gave the same first answer to a mirrored, cropped or noisy picture.",
        ),
        card(
            "Maps that stand",
            f"{len(standing)} of {len(study.judged())}" if study.judged() else "–",
            _standing(study),
        ),
        card(
            "Do they agree",
            "–" if agreement is None else f"{agreement:.2f}".replace("-", "−"),
            "is the median rank correlation between two methods’ maps; 1 would be the same map, 0 unrelated ones.",
        ),
    )


def _sureness(study: Study) -> str:
    said = study.prediction
    most = math.log2(said.classes)
    return f"{100 * said.margin:.1f} points ahead of the second class. Entropy {said.entropy:.2f} of {most:.2f} bits."


def _standing(study: Study) -> str:
    standing = study.standing()
    if not study.judged():
        return "Deletion and insertion were not made: there was no time."
    if not standing:
        return "beat random maps, a centered blob and an edge detector at both deletion and insertion."
    return f"beat every control at both deletion and insertion: {', '.join(standing)}."


def draw_fed(study: Study) -> Html:
    """The file's picture and what was made of it."""
    picture, plan = study.picture, study.model.preprocessing
    scale = min(1.0, ORIGINAL_SIDE / max(picture.height, picture.width))
    small = resize(
        picture.pixels, max(1, round(picture.height * scale)), max(1, round(picture.width * scale))
    )
    height, width = study.case.size
    original = tag(
        "figure",
        photo(small, f"The picture {picture.name}, as it lies in the file."),
        tag("figcaption", f"{picture.name}, {picture.width} × {picture.height} pixels."),
    )
    seen = tag(
        "figure",
        photo(study.fed, f"The {width} by {height} pixels that {study.model.name} was fed."),
        tag("figcaption", f"What the network was fed: {width} × {height} pixels. It sees nothing else."),
    )
    notes = f"While reading: {'; '.join(picture.notes)}." if picture.notes else ""
    words = (
        f"The shorter side was resized to {plan.resize} pixels ({plan.interpolation}) and a centered square of "
        f"{plan.crop} cut out. Then {_numbers(plan.mean)} was subtracted from red, green and blue, and the rest "
        f"divided by {_numbers(plan.std)}."
    )
    return stack(tag("div", seen, original, class_="pair"), prose(words, notes))


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(dict.fromkeys(f"{value:.4g}" for value in values))


def draw_answer(study: Study) -> Html:
    """The first classes, and the trials."""
    said = study.prediction
    rows = [(a.label, meter(a.probability, f"{a.probability:.1%}"), round(a.logit, 2)) for a in said.top]
    most = math.log2(said.classes)
    margin = f"Margin {100 * said.margin:.1f} points, entropy {said.entropy:.2f} of {most:.2f} bits."
    caption = f"The first {len(rows)} of {said.classes:,} classes. {margin}"
    first = table(("class", "probability", "logit"), rows, caption=caption)
    kept = f"{study.stability.kept} of {len(study.stability.trials)}"
    caption = (
        f"The same question about nearly the same picture: {kept} first answers stayed. Crops keep {CROP:.0%} of each "
        "side, noise is Gaussian, its deviation a share of the range from black to white."
    )
    trials = table(
        ("change", "first answer", f"probability of “{said.label}”"),
        [_trial(trial) for trial in study.stability.trials],
        caption=caption,
    )
    return stack(first, tag("h3", "And if the picture changes a little?"), trials)


def _trial(trial: Trial) -> tuple[object, ...]:
    mark = tag("span", "●" if trial.kept else "×", class_="mark", aria_hidden="true")
    word = tag("span", mark, trial.label, class_="good" if trial.kept else "bad")
    return (trial.change, word, meter(trial.probability, f"{trial.probability:.1%}"))
