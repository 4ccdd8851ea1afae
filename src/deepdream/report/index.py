"""The index over the reports of a folder: one row a picture, means over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from deepdream.images import resize
from deepdream.pages import Html, Section, card, cards, numbers, page, photo, stack, table, tag
from deepdream.provenance import write_text
from deepdream.report.study import Study
from deepdream.report.writing import SCHEMA

THUMB = 144


@dataclass(frozen=True, eq=False)
class Entry:
    """A picture's row: what the index needs of a study, so that the study itself can be let go."""

    name: str
    file: str
    thumbnail: Html
    values: Mapping[str, Any]


def entry_of(study: Study, file: str) -> Entry:
    """The row of a study whose page is ``file``."""
    return Entry(study.picture.name, file, _thumbnail(study), _values(study))


def _thumbnail(study: Study) -> Html:
    return photo(resize(study.fed, THUMB, THUMB), f"{study.picture.name}, as fed.", class_="thumb")


def _values(study: Study) -> dict[str, Any]:
    said = study.prediction
    means = {
        check: {f.method: f.value for f in study.findings if f.check == check and f.value is not None}
        for check in study.checks
    }
    return {
        "label": said.label,
        "probability": said.probability,
        "margin": said.margin,
        "entropy": said.entropy,
        "kept": study.stability.kept / len(study.stability.trials),
        "standing": study.standing(),
        "methods": study.judged(),
        "agreement": study.median_agreement(),
        "checks": means,
    }


def means_of(entries: Sequence[Entry]) -> dict[str, dict[str, float]]:
    """The mean of every check by method, over the pictures that have it."""
    gathered: dict[str, dict[str, list[float]]] = {}
    for entry in entries:
        for check, values in entry.values["checks"].items():
            for method, value in values.items():
                gathered.setdefault(check, {}).setdefault(method, []).append(value)
    return {check: {m: fmean(v) for m, v in by.items()} for check, by in gathered.items()}


def standing_counts(entries: Sequence[Entry]) -> dict[str, tuple[int, int]]:
    """For each method, on how many pictures it stands, and on how many it was tried."""
    names = list(dict.fromkeys(name for entry in entries for name in entry.values["methods"]))
    return {
        name: (
            sum(name in entry.values["standing"] for entry in entries),
            sum(name in entry.values["methods"] for entry in entries),
        )
        for name in names
    }


def write_index(folder: Path, entries: Sequence[Entry], network: str) -> Path:
    """Write ``index.html`` and ``index.json`` into ``folder``. Raises OutputError."""
    values = {
        "schema": SCHEMA,
        "network": network,
        "pictures": [{"name": e.name, "page": e.file, **e.values} for e in entries],
        "means": means_of(entries),
        "standing": {name: {"pictures": a, "of": b} for name, (a, b) in standing_counts(entries).items()},
    }
    import json

    write_text(
        folder / "index.json", json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    )
    place = folder / "index.html"
    write_text(place, index_page(entries, network, values))
    return place


def index_page(entries: Sequence[Entry], network: str, values: Mapping[str, Any]) -> str:
    """The HTML of the index."""
    kept = fmean(entry.values["kept"] for entry in entries)
    sure = fmean(entry.values["probability"] for entry in entries)
    standing = fmean(
        len(entry.values["standing"]) / max(1, len(entry.values["methods"])) for entry in entries
    )
    opening = cards(
        card("Mean probability", f"{sure:.1%}", "of the explained class."),
        card("Mean steadiness", f"{kept:.0%}", "of small changes left the first answer as it was."),
        card(
            "Explanations that stand", f"{standing:.0%}", "beat every control at both deletion and insertion."
        ),
    )
    return page(
        title=f"{len(entries)} pictures",
        kicker=f"Reports on {network}",
        lead="One page a picture: why did the network say this, and should the answer be believed?",
        opening=opening,
        sections=[
            Section("pictures", "Pictures", "Every picture", _pictures(entries)),
            Section(
                "means",
                "Means",
                "Means by method",
                _means(entries),
                "A mean over few pictures is an anecdote.",
            ),
        ],
        data=numbers(values),
    )


def _pictures(entries: Sequence[Entry]) -> Html:
    heads = ("picture", "", "class", "probability", "margin", "steady", "standing", "agreement")
    return table(heads, [_row(entry) for entry in entries], caption="A click on a name opens its report.")


def _row(entry: Entry) -> tuple[object, ...]:
    v = entry.values
    agreement = None if v["agreement"] is None else f"{v['agreement']:.2f}"
    link = tag("a", entry.name, href=entry.file)
    standing = f"{len(v['standing'])} of {len(v['methods'])}"
    return (
        link,
        entry.thumbnail,
        v["label"],
        f"{v['probability']:.1%}",
        f"{v['margin']:.1%}",
        f"{v['kept']:.0%}",
        standing,
        agreement,
    )


def _means(entries: Sequence[Entry]) -> Html:
    means, counts = means_of(entries), standing_counts(entries)
    checks = [name for name in means if name not in ("cost", "degeneracy")]
    rows = [
        (method, f"{a} of {b}", *(_mean(means[check].get(method)) for check in checks))
        for method, (a, b) in counts.items()
    ]
    return stack(table(("method", "stands on", *checks), rows, caption="Means over the pictures."))


def _mean(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
