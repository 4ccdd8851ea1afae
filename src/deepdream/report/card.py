"""The end of a page: caveats in words, the model card, and how to make the page again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from deepdream.attribution import methods
from deepdream.errors import DeepDreamError
from deepdream.models import Model
from deepdream.models.catalog import find_entry
from deepdream.models.records import CatalogEntry
from deepdream.pages import Html, bullets, facts, folded, prose, stack, tag
from deepdream.report.report_data import ReportData

#: What no check can find out, and a reader should know.
GENERAL = (
    "A map shows what the network's answer depends on, as one method measures it. It does not show why the thing is "
    "what it is, nor what the network would need to be right.",
    "Hiding cells makes pictures that the network has never seen; some of the fall in probability is surprise.",
    "Attributions against a baseline change with the baseline: black is not the absence of a black cat.",
    "No map can be finer than the layer it was read from; class activation maps have cells, not pixels.",
    "Everything here is about this one picture. A network that is right for good reasons here may be wrong elsewhere.",
)


def caveats(report_data: ReportData) -> Html:
    """What each method is known to get wrong, with its paper."""
    entries = [(name, methods()[name]) for name in report_data.names]
    each = [
        folded(
            stack(name, tag("span", f" — {entry.question}")),
            tag("p", entry.caveat),
            tag("p", f"Paper: {entry.paper}. Needs {entry.needs}; costs {entry.cost}."),
        )
        for name, entry in entries
    ]
    return stack(bullets(GENERAL), tag("h3", "Method by method"), *each)


def model_card(report_data: ReportData) -> Html:
    """Who made the network of what, and who answers for what is decided with it."""
    return stack(
        facts(card_facts(report_data.model)),
        prose(_limits(report_data.model)),
        _decision(report_data.decided_by),
    )


def card_facts(model: Model) -> dict[str, str]:
    """What is known of a network, in words; what is not known is called unknown."""
    entry, weights, plan = _entry(model), model.weights, model.preprocessing
    parameters = sum(p.numel() for p in model.module.parameters())
    own = entry is not None and not weights.origin.startswith(("file", "seeded", "the caller", "made by"))
    return {
        "Network": model.name,
        "Weights": weights.origin,
        "SHA-256 of the weights": weights.sha256 or "unknown",
        "License": weights.license,
        "Source": weights.source,
        **({"Made by": f"{weights.code}, SHA-256 of the file {weights.code_sha256}"} if weights.code else {}),
        "Parameters": f"{parameters:,}",
        "Classes": f"{model.classes:,}",
        "Trained on": entry.trained_on if entry and own else "unknown",
        "Published top-1 accuracy": f"{entry.accuracy:.1f} %"
        if entry and own and entry.accuracy
        else "unknown",
        "Preprocessing": f"shorter side {plan.resize}, {plan.window}, {plan.interpolation}",
        "Device": str(model.device),
    }


def _entry(model: Model) -> CatalogEntry | None:
    try:
        return find_entry(model.name)
    except (DeepDreamError, ImportError):
        return None


def _limits(model: Model) -> str:
    return (
        f"{model.name} knows {model.classes:,} classes and gives one of them to every picture, also to one that shows "
        "none of them. Its probabilities are not calibrated: 90 % does not mean right nine times in ten. It was "
        "trained on photographs from the web with their habits: centered things, certain places, certain people. It "
        "must not decide about anybody."
    )


def _decision(person: str) -> Html:
    if person:
        who = tag("strong", f"Decided by {person}.")
        words = tag("p", who, " This person answers for what is done with this answer.")
        return tag("div", words, class_="sign signed")
    words = tag(
        "p",
        tag("strong", "Nobody has signed for a decision that rests on this answer."),
        " Name the accountable person with ",
        tag("code", "--decided-by NAME"),
        ", or on paper:",
    )
    blanks = (tag("span", name, class_="blank") for name in ("Who decides", "Date", "Signature"))
    return tag("div", words, tag("p", *blanks, class_="blanks"), class_="sign")


def recipe(command: str, recipe_values: Mapping[str, Any], files: tuple[str, str]) -> Html:
    """The command, everything it depended on, and the files with the numbers."""
    links = [
        stack(tag("a", files[0], href=quote(files[0])), ": every number of this page"),
        stack(
            tag("a", files[1], href=quote(files[1])), ": the picture as fed, every map and control, as arrays"
        ),
    ]
    text = json.dumps(recipe_values, ensure_ascii=False, indent=2, allow_nan=False)
    return stack(
        tag("pre", tag("code", command)), bullets(links), folded("Recipe", tag("pre", tag("code", text)))
    )
