"""The audit trail of an output: what is on record about it, and what is missing.

Reads the recipe in a picture, the numbers in or beside a report, and the JSON of any lesson. All of it may come from a
stranger: nothing in it is followed or run, and only short printable text is shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdream.errors import DeepDreamError, PictureError, UsageError
from deepdream.images import read_recipe
from deepdream.models.catalog import find_entry
from deepdream.provenance.recipe import Recipe
from deepdream.provenance.recipe_reading import read_recipe_text

MOST_BYTES = 100_000_000
_LONGEST = 200
_SUFFIXES = (".json", ".html", ".htm")
_OPENING = '<script type="application/json" id="numbers">'

#: What an auditor asks, in this order.
QUESTIONS: Mapping[str, str] = {
    "tool": "Which program made it, in which version?",
    "input": "From which picture or data, and with which hash?",
    "network": "Which network?",
    "weights": "Where do its weights come from?",
    "hash": "Are they these very weights (SHA-256)?",
    "license": "May they be used?",
    "trained on": "What was it trained on?",
    "preprocessing": "How was the picture fed?",
    "settings": "With which settings?",
    "seed": "Can the random choices be repeated?",
    "versions": "On which versions of everything?",
    "machine": "On which device and how many threads?",
    "threshold": "From which number on was it acted upon?",
    "decided by": "Who answers for it?",
}
#: What a dream has no use for.
NO_THRESHOLD = "none: nothing was decided by a number"
#: What stands for the weights of a model that was fitted on the spot.
FITTED = "none: fitted anew from the data"


@dataclass(frozen=True)
class AuditTrail:
    """What is known of a file.

    Attributes:
        name: Of the file.
        kind: What it is.
        known: Answers to ``QUESTIONS`` by their key.
    """

    name: str
    kind: str
    known: Mapping[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The keys of the questions that nothing answers."""
        return tuple(key for key in QUESTIONS if key not in self.known)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "file": self.name,
            "kind": self.kind,
            "known": dict(self.known),
            "missing": list(self.missing),
        }


def audit(path: Path) -> AuditTrail:
    """The audit trail of any output of this toolkit; of a file that holds no record, that everything is missing.

    Raises:
        PictureError: no such file, or a picture that cannot be read.
        UsageError: a JSON or HTML file that is none of ours, or a recipe with settings that cannot be right.
    """
    if path.suffix.lower() in _SUFFIXES:
        return _of_numbers(path.name, _numbers(path))
    text = read_recipe(path)
    if text is None:
        return AuditTrail(path.name, "a picture without a recipe", {})
    return AuditTrail(path.name, "a dreamed picture", _shown(_of_recipe(read_recipe_text(text))))


def _numbers(path: Path) -> Mapping[str, Any]:
    """The JSON object in or of a file."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path.name} has more than {MOST_BYTES:,} bytes. It is not read.")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PictureError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is not UTF-8 text.") from error
    if path.suffix.lower() != ".json":
        _, opening, rest = text.partition(_OPENING)
        text = rest.partition("</script>")[0] if opening else ""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError(
            f"{path.name} holds no numbers of this toolkit. Give a picture, a report or a lesson's JSON."
        )
    return values


def _of_numbers(name: str, values: Mapping[str, Any]) -> AuditTrail:
    if isinstance(values.get("recipe"), dict) and isinstance(values.get("networks"), list):
        return AuditTrail(name, "a report", _shown(_of_report(values)))
    if isinstance(values.get("record"), dict):
        kind = _line(values.get("kind")) or f"the lesson {_line(values.get('lesson')) or 'unknown'}"
        return AuditTrail(name, kind, _shown(_of_lesson(values["record"])))
    if isinstance(values.get("plan"), dict):
        return AuditTrail(name, "a recipe", _shown(_of_recipe(read_recipe_text(json.dumps(values)))))
    raise UsageError(f"{name} holds no record. Give a picture, a report, or the JSON of a lesson.")


def _of_recipe(recipe: Recipe) -> dict[str, Any]:
    versions = dict(recipe.versions)
    version = versions.get("deepdream")
    origin = str(recipe.model.get("origin", ""))
    return {
        "tool": f"deepdream {version}" if version else None,
        "input": f"{recipe.input['name']}, sha256 {recipe.input['sha256']}",
        "network": recipe.model["name"],
        "weights": origin,
        "hash": recipe.model.get("sha256"),
        "license": recipe.model.get("license"),
        "trained on": _trained_on(str(recipe.model["name"]), origin),
        "preprocessing": f"{recipe.width}x{recipe.height} pixels, numbers read as {recipe.input.get('range', 'auto')}",
        "settings": f"preset {recipe.plan.preset}, {recipe.plan.objective}, {recipe.plan.octaves} octaves, "
        f"{recipe.plan.steps} steps, strength {recipe.plan.strength}",
        "seed": recipe.plan.seed,
        "versions": versions,
        "machine": f"{recipe.device}, {recipe.threads} threads",
        "threshold": NO_THRESHOLD,
        "decided by": recipe.decided_by,
    }


def _of_report(values: Mapping[str, Any]) -> dict[str, Any]:
    recipe, cards = values["recipe"], [_mapping(entry).get("card") for entry in values["networks"]]
    card = _mapping(cards[0] if cards else None)
    picture = _mapping(recipe.get("picture"))
    return {
        "tool": values.get("tool"),
        "input": _joined(picture.get("name"), picture.get("sha256"), "sha256"),
        "network": card.get("Network"),
        "weights": card.get("Weights"),
        "hash": card.get("SHA-256 of the weights"),
        "license": card.get("License"),
        "trained on": card.get("Trained on"),
        "preprocessing": card.get("Preprocessing"),
        "settings": recipe.get("command"),
        "seed": recipe.get("seed"),
        "versions": recipe.get("versions"),
        "machine": _joined(card.get("Device"), recipe.get("threads"), "threads"),
        "threshold": NO_THRESHOLD,
        "decided by": values.get("decided_by") or recipe.get("decided_by") or _signed(recipe.get("command")),
    }


def _signed(command: object) -> str | None:
    """The name that a command gives with --decided-by."""
    import shlex

    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:
        return None
    places = [index for index, word in enumerate(words[:-1]) if word == "--decided-by"]
    return words[places[-1] + 1] if places else None


def _of_lesson(record: Mapping[str, Any]) -> dict[str, Any]:
    networks = record.get("networks")
    network = _mapping(networks[0] if isinstance(networks, list) and networks else None)
    picture = _mapping(record.get("picture"))
    name, origin = network.get("name"), network.get("origin")
    fitted = FITTED if networks is None and record.get("data") else None
    return {
        "tool": record.get("tool"),
        "input": _joined(picture.get("name"), picture.get("sha256"), "sha256") or record.get("data"),
        "network": name or fitted,
        "weights": origin or fitted,
        "hash": network.get("sha256") or fitted,
        "license": network.get("license") or fitted,
        "trained on": record.get("data") or _trained_on(str(name), str(origin)),
        "preprocessing": network.get("preprocessing") or record.get("preprocessing"),
        "settings": record.get("plan"),
        "seed": record.get("seed"),
        "versions": record.get("versions"),
        "machine": _joined(None, record.get("threads"), "threads"),
        "threshold": record.get("threshold", NO_THRESHOLD),
        "decided by": record.get("decided_by") or _named(record.get("decided by")),
    }


def _named(words: object) -> object:
    """A lecture's record says in words that nobody has signed."""
    return None if isinstance(words, str) and words.startswith("nobody") else words


def _trained_on(network: str, origin: str) -> str | None:
    if not origin or origin.startswith(("file", "seeded", "the caller", "made by")):
        return None
    try:
        return find_entry(network).trained_on
    except (DeepDreamError, ImportError):
        return None


def _joined(first: object, second: object, name: str) -> str | None:
    words = [str(first)] if first else []
    words += [f"{name} {second}"] if second else []
    return ", ".join(words) or None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown(values: Mapping[str, Any]) -> dict[str, str]:
    """What is really there, as short lines; what is empty or "unknown" counts as missing."""
    lines = {key: _line(value) for key, value in values.items()}
    return {key: line for key, line in lines.items() if line and line != "unknown"}


def _line(value: object) -> str | None:
    """``value`` as a line that may be shown in a terminal, or None."""
    if value is None or value == "" or value == {}:
        return None
    if isinstance(value, dict):
        value = ", ".join(f"{key} {entry}" for key, entry in value.items())
    text = str(value)
    text = "".join(sign if sign.isprintable() else "·" for sign in text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
