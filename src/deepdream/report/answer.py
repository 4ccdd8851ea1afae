"""What was fed, what the network said, and whether it says so again: the first sections of a page."""

from __future__ import annotations

from deepdream.images import resize
from deepdream.models.answers import COLUMN_OF
from deepdream.pages import Html, meter, photo, prose, stack, table, tag
from deepdream.report.report_data import ReportData
from deepdream.report.robustness import CROP, ChangedPicture
from deepdream.report.verdict import entropy_words

ORIGINAL_SIDE = 720


def draw_fed(report_data: ReportData) -> Html:
    """The file's picture and what was made of it."""
    picture, plan = report_data.picture, report_data.model.preprocessing
    scale = min(1.0, ORIGINAL_SIDE / max(picture.height, picture.width))
    small = resize(
        picture.pixels, max(1, round(picture.height * scale)), max(1, round(picture.width * scale))
    )
    height, width = report_data.context.size
    original = tag(
        "figure",
        photo(small, f"The picture {picture.name}, as it lies in the file."),
        tag("figcaption", f"{picture.name}, {picture.width} × {picture.height} pixels."),
    )
    figure = tag(
        "figure",
        photo(report_data.fed, f"The {width} by {height} pixels that {report_data.model.name} was fed."),
        tag("figcaption", f"What the network was fed: {width} × {height} pixels. It sees nothing else."),
    )
    notes = f"While reading: {'; '.join(picture.notes)}." if picture.notes else ""
    words = (
        f"The shorter side was resized to {plan.resize} pixels ({plan.interpolation}) and a centered {plan.window} "
        f"cut out. Then {_numbers(plan.mean)} was subtracted from red, green and blue, and the rest "
        f"divided by {_numbers(plan.std)}."
    )
    return stack(tag("div", figure, original, class_="pair"), prose(words, notes))


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(dict.fromkeys(f"{value:.4g}" for value in values))


def draw_answer(report_data: ReportData) -> Html:
    """The first classes, and the trials."""
    prediction = report_data.prediction
    rows = [
        (a.label, meter(a.probability, report_data.model.in_words(a.probability)), round(a.logit, 2))
        for a in prediction.top
    ]
    column = COLUMN_OF[report_data.model.output_kind]
    first = table(("class", column, "logit"), rows, caption=_meaning(report_data, len(rows)))
    unchanged = f"{report_data.stability.kept} of {len(report_data.stability.trials)}"
    caption = (
        f"The same question about nearly the same picture: {unchanged} first answers stayed. Crops keep {CROP:.0%} of "
        "each side, noise is Gaussian, its deviation a share of the range from black to white."
    )
    trials = table(
        ("change", "first answer", f"{column} of “{prediction.label}”"),
        [_trial(report_data, trial) for trial in report_data.stability.trials],
        caption=caption,
    )
    return stack(first, tag("h3", "And if the picture changes a little?"), trials)


def _meaning(report_data: ReportData, shown: int) -> str:
    """What the numbers of the answer are."""
    prediction, kind = report_data.prediction, report_data.model.output_kind
    first = f"The first {shown} of {prediction.classes:,} classes. A logit is the network’s raw score"
    if kind == "sigmoid":
        each = "the sigmoid of each gives the probability of that label by itself"
        return f"{first}; {each}, so they do not sum to 100%."
    if kind == "regression":
        return "The outputs of the network are numbers: they are no probabilities, and none excludes another."
    ahead = f"The first class is {100 * prediction.margin:.1f} points ahead."
    return f"{first}; the softmax of all logits gives the probabilities. {ahead} {entropy_words(report_data)}"


def _trial(report_data: ReportData, trial: ChangedPicture) -> tuple[object, ...]:
    mark = tag("span", "●" if trial.kept else "×", class_="mark", aria_hidden="true")
    word = tag("span", mark, trial.label, class_="good" if trial.kept else "bad")
    return (trial.change, word, meter(trial.probability, report_data.model.in_words(trial.probability)))
