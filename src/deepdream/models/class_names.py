"""Finding a class of a network by number or by name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deepdream.errors import UnknownNameError, UsageError

_LIST = "Give the names in order, as labels=['ant', 'bee'], or with their indexes, as labels={0: 'ant', 1: 'bee'}."


def find_class(text: str, labels: Sequence[str], *, classes: int, network: str) -> int:
    """The index of the class that ``text`` names by index, by label or by a unique part of a label.

    ``class 7`` is always the index.

    Raises:
        UnknownNameError: no label matches; with the nearest labels.
        UsageError: no such index, several labels match, or the text is one class's label and another one's index.

    >>> find_class("cat", ["oystercatcher", "tabby cat"], classes=2, network="tiny")
    1
    >>> find_class("20", ["10", "20", "50"], classes=3, network="notes")
    1
    """
    # Full-width, superscript and other digits are the digits they stand for.
    name = unicodedata.normalize("NFKC", text).casefold().strip()
    exact = [i for i, label in enumerate(labels) if label.casefold() in (text.casefold().strip(), name)]
    index = _index_in(name)
    if index is not None and (exact in ([], [index]) or name.startswith("class ")):
        if 0 <= index < classes:
            return index
        raise UsageError(f"No class {text} in {network}: it has {classes}, from 0 to {classes - 1}.")
    if index is not None and 0 <= index < classes:
        raise UsageError(
            f"{text!r} is the label of class {exact[0]} of {network}, and the index of {labels[index]!r}. "
            f"Write 'class {exact[0]}' or 'class {index}'."
        )
    matches = exact or [i for i, label in enumerate(labels) if name in label.casefold()]
    # "cat" means a cat, not an oystercatcher: whole words come first.
    matches = [i for i in matches if re.search(rf"\b{re.escape(name)}\b", labels[i].casefold())] or matches
    if len(matches) == 1 or exact:
        return matches[0]
    if matches:
        names = ", ".join(repr(labels[i]) for i in matches[:8])
        more = f" and {len(matches) - 8} more" if len(matches) > 8 else ""
        raise UsageError(
            f"{len(matches)} classes of {network} contain {text!r}: {names}{more}. Give one of them whole."
        )
    raise UnknownNameError("class", text, labels, where=network)


def _index_in(name: str) -> int | None:
    """The number in ``7`` or ``class 7``; None in other texts, such as ``²``."""
    digits = re.fullmatch(r"(?:class )?(-?[0-9]{1,9})", name)
    return int(digits[1]) if digits else None


def class_labels(labels: Any) -> tuple[str, ...]:
    """The names of classes 0, 1, ... from a sequence, or from a dict of index to name or of name to index.

    Raises:
        UsageError: a single text, indexes that are not 0 to n - 1, or values that are no names.

    >>> class_labels({0: "ant", 1: "bee"}), class_labels({"bee": 1, "ant": 0}), class_labels([10, 20])
    (('ant', 'bee'), ('ant', 'bee'), ('10', '20'))
    """
    if isinstance(labels, (str, bytes)):
        raise UsageError(f"labels={labels!r:.60} is one text. {_LIST}")
    if isinstance(labels, Mapping):
        labels = _in_order(labels)
    if not isinstance(labels, Iterable):
        raise UsageError(f"labels is {labels!r:.60}, not a list of names. {_LIST}")
    names = list(labels)
    for name in names:
        if name is None or isinstance(name, Mapping):
            raise UsageError(f"labels holds {name!r:.60}, which is no name. {_LIST}")
    # In imagenet_class_index.json a class is ["n01440764", "tench"].
    return tuple(str(name[-1] if isinstance(name, (list, tuple)) and name else name) for name in names)


def _in_order(labels: Mapping[Any, Any]) -> list[Any]:
    """The names of a dict by index, whichever of keys and values the indexes are (JSON makes keys texts)."""
    for pairs in (list(labels.items()), [(index, name) for name, index in labels.items()]):
        if all(re.fullmatch(r"[0-9]{1,9}", str(index)) and not isinstance(index, bool) for index, _ in pairs):
            by_index = {int(index): name for index, name in pairs}
            missing = sorted(set(range(len(pairs))) - set(by_index))
            if missing:
                raise UsageError(
                    f"labels is a dict of {len(pairs)} names without index {missing[0]}. "
                    f"Its indexes must be 0 to {len(pairs) - 1}."
                )
            return [by_index[index] for index in range(len(pairs))]
    raise UsageError(
        "labels is a dict without indexes. Give {0: 'ant', 1: 'bee'}, {'ant': 0, 'bee': 1} or ['ant', 'bee']."
    )


def check_label_count(labels: Sequence[str], classes: int, network: str) -> None:
    """Raises UsageError where there are labels, and not one for each class."""
    if labels and len(labels) != classes:
        raise UsageError(
            f"{network} has {len(labels)} labels for {classes} classes. Give one label for each output, in their order."
        )
