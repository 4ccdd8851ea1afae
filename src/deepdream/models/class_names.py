"""Finding a class of a network by number or by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from deepdream.errors import UnknownNameError, UsageError


def find_class(text: str, labels: Sequence[str], *, classes: int, network: str) -> int:
    """The index of the class that ``text`` names by index, by label or by a unique part of a label.

    Raises:
        UnknownNameError: no label matches; with the nearest labels.
        UsageError: no such index, or several labels match.

    >>> find_class("cat", ["oystercatcher", "tabby cat"], classes=2, network="tiny")
    1
    """
    if text.lstrip("-").isdigit():
        if 0 <= int(text) < classes:
            return int(text)
        raise UsageError(f"No class {text} in {network}: it has {classes}, from 0 to {classes - 1}.")
    name = text.casefold().strip()
    exact = [i for i, label in enumerate(labels) if label.casefold() == name]
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
