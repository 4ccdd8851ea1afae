"""The index over the reports of a folder: one row a picture, means over all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import quote

from deepdream.images import resize
from deepdream.pages import Html, Section, bullets, card, cards, numbers, page, photo, stack, table, tag
from deepdream.provenance import write_text
from deepdream.report.health import asked, head, in_table, rounded
from deepdream.report.report_data import ReportData
from deepdream.report.verdict import belief
from deepdream.report.writing import SCHEMA

THUMB = 144


@dataclass(frozen=True, eq=False)
class ReportEntry:
    """A picture's row: what the index needs of a study, so that the study itself can be let go."""

    name: str
    file: str
    thumbnail: Html
    values: Mapping[str, Any]


def entry_of(report_data: ReportData, file: str) -> ReportEntry:
    """The row of a study whose page is ``file``."""
    thumbnail = photo(resize(report_data.fed, THUMB, THUMB), "", class_="thumb")
    return ReportEntry(report_data.picture.name, file, thumbnail, _values(report_data))


def _values(report_data: ReportData) -> dict[str, Any]:
    prediction = report_data.prediction
    means = {
        check: {
            f.method: f.value for f in report_data.check_results if f.check == check and f.value is not None
        }
        for check in report_data.checks
    }
    return {
        "label": prediction.label,
        "belief": belief(report_data)[0],
        "probability": prediction.probability,
        "margin": prediction.margin,
        "entropy": prediction.entropy,
        "kept": report_data.stability.kept / len(report_data.stability.trials),
        "standing": report_data.standing(),
        "methods": report_data.judged(),
        "agreement": report_data.median_agreement(),
        "checks": means,
    }


def means_of(entries: Sequence[ReportEntry]) -> dict[str, dict[str, float]]:
    """The mean of every check by method, over the pictures that have it."""
    gathered: dict[str, dict[str, list[float]]] = {}
    for entry in entries:
        for check, values in entry.values["checks"].items():
            for method, value in values.items():
                gathered.setdefault(check, {}).setdefault(method, []).append(value)
    return {check: {m: fmean(v) for m, v in by.items()} for check, by in gathered.items()}


def standing_counts(entries: Sequence[ReportEntry]) -> dict[str, tuple[int, int]]:
    """For each method, on how many pictures it stands, and on how many it was tried."""
    names = list(dict.fromkeys(name for entry in entries for name in entry.values["methods"]))
    return {
        name: (
            sum(name in entry.values["standing"] for entry in entries),
            sum(name in entry.values["methods"] for entry in entries),
        )
        for name in names
    }


def write_index(
    folder: Path, entries: Sequence[ReportEntry], network: str, *, failed: Mapping[str, str] | None = None
) -> Path:
    """Write ``index.html`` and ``index.json`` into ``folder``; ``failed`` are reasons by name. Raises OutputError."""
    values = {
        "schema": SCHEMA,
        "network": network,
        "pictures": [
            {"name": e.name, "page": e.file, "thumbnail": str(e.thumbnail), **e.values} for e in entries
        ],
        "failed": [{"name": name, "reason": reason} for name, reason in (failed or {}).items()],
        "means": means_of(entries),
        "standing": {name: {"pictures": a, "of": b} for name, (a, b) in standing_counts(entries).items()},
    }
    write_text(
        folder / "index.json", json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    )
    path = folder / "index.html"
    write_text(path, index_page(entries, network, values))
    return path


def read_entries(folder: Path) -> list[ReportEntry]:
    """The rows of the index that an earlier run wrote into ``folder``; none where there is no index of this version."""
    try:
        values = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        pictures = values["pictures"] if values["schema"] == SCHEMA else []
        return [
            ReportEntry(
                picture["name"],
                picture["page"],
                _thumbnail_from(picture["thumbnail"]),
                {name: value for name, value in picture.items() if name not in ("name", "page", "thumbnail")},
            )
            for picture in pictures
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _thumbnail_from(markup: str) -> Html:
    """The picture that a thumbnail's markup holds; only its data are taken from the file, never its markup."""
    match = re.search(r"data:image/(?:jpeg|png|webp);base64,[A-Za-z0-9+/=]+", markup)
    return tag("img", src=match[0] if match else "", alt="", class_="thumb")


def index_page(entries: Sequence[ReportEntry], network: str, values: Mapping[str, Any]) -> str:
    """The HTML of the index."""
    unchanged = fmean(entry.values["kept"] for entry in entries)
    sure = fmean(entry.values["probability"] for entry in entries)
    standing = fmean(
        len(entry.values["standing"]) / max(1, len(entry.values["methods"])) for entry in entries
    )
    opening = cards(
        card("Mean probability", f"{sure:.1%}", "of the explained class."),
        card("Mean steadiness", f"{unchanged:.0%}", "of small changes left the first answer as it was."),
        card(
            "Maps past chance",
            f"{standing:.0%}",
            "beat maps that do not depend on the network at both deletion and insertion.",
        ),
    )
    return page(
        title="One picture" if len(entries) == 1 else f"{len(entries)} pictures",
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
            *_failures(values["failed"]),
        ],
        data=numbers(values),
    )


def _failures(failed: Sequence[Mapping[str, str]]) -> list[Section]:
    if not failed:
        return []
    lines = [stack(tag("strong", entry["name"]), ": ", entry["reason"]) for entry in failed]
    return [Section("failed", "Failed", "Pictures without a report", bullets(lines))]


def _pictures(entries: Sequence[ReportEntry]) -> Html:
    heads = ("picture", "class", "believe it?", "probability", "margin", "steady", "past chance", "agreement")
    caption = (
        "Margin: ahead of the second class. Steady: small changes that kept the first answer. Past chance: maps better "
        "than those that know nothing of the network. Agreement: median rank correlation of two maps, 1 at most."
    )
    return table(heads, [_row(entry) for entry in entries], caption=caption, class_="index")


def _row(entry: ReportEntry) -> tuple[object, ...]:
    v = entry.values
    return (
        tag("a", entry.thumbnail, tag("span", entry.name), href=quote(entry.file), class_="entry"),
        v["label"],
        v["belief"],
        f"{v['probability']:.1%}",
        f"{100 * v['margin']:.1f} points",
        f"{v['kept']:.0%}",
        f"{len(v['standing'])} of {len(v['methods'])}",
        None if v["agreement"] is None else f"{v['agreement']:.2f}".replace("-", "−"),
    )


def _means(entries: Sequence[ReportEntry]) -> Html:
    means, counts = means_of(entries), standing_counts(entries)
    checks = [name for name in means if in_table(name) and name != "degeneracy"]
    rows = [
        (method, f"{a} of {b}", *(_mean(means[check].get(method)) for check in checks))
        for method, (a, b) in counts.items()
    ]
    heads = ("method", "past chance on", *(head(name) for name in checks))
    caption = "Means over the pictures that have the number; ↓ low is better, ↑ high is better."
    means_table = table(heads, rows, caption=caption, class_="health")
    return stack(means_table, tag("h3", "What the columns ask"), asked(checks))


def _mean(value: float | None) -> str | None:
    return None if value is None else rounded(value)
