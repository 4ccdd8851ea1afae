"""What a dream climbs, from the command line: ``--layer``, ``--class``, ``--guide``, ``--minus`` or ``--objective``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deepdream.batch.task import NetworkSpec
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.ascent import Objective
    from deepdream.models import Model


@dataclass(frozen=True)
class LayerWeight:
    """A word of ``--layer`` or ``--minus``: ``blocks.4``, ``blocks.4:17``, ``blocks.3-5``, each with ``=WEIGHT``."""

    layer: str
    channel: str = ""
    weight: float = 1.0

    @classmethod
    def read(cls, word: str, option: str) -> LayerWeight:
        """Raises UsageError: the weight cannot be read."""
        name, _, weight = word.partition("=")
        match = re.fullmatch(r"(.+):(\d+)", name)
        try:
            value = float(weight or 1)
        except ValueError:
            raise UsageError(
                f"Cannot read the weight {weight!r} in {option} {word}. Example: blocks.4=0.5"
            ) from None
        return cls(match[1], match[2], value) if match else cls(name, "", value)

    def term(self, guide: str = "", sign: float = 1) -> str:
        """The objective that this layer means, with its weight; with a ``guide`` the layer follows that picture."""
        from deepdream.ascent.arguments import LAYER, printed, quoted

        name = printed(self.layer, LAYER)
        if guide and self.channel:
            raise UsageError(f"A guide leads whole layers, not the channel {self.layer}:{self.channel}.")
        if guide:
            text = f"guide({name}, {quoted(guide)})"
        else:
            text = f"channel({name}, {self.channel})" if self.channel else f"layer({name})"
        weight = sign * self.weight
        return text if weight == 1 else f"-{text}" if weight == -1 else f"{weight!r}*{text}"


@dataclass(frozen=True)
class Goal:
    """What the options say, before a network is there to ask for its layers.

    Raises:
        UsageError: two ways of saying it at once, or a weight that cannot be read.
    """

    layers: Sequence[str] = ()
    objective: str | None = None
    classes: Sequence[str] = ()
    guides: Sequence[str] = ()
    minus: Sequence[str] = ()
    raised: tuple[LayerWeight, ...] = field(init=False)
    lowered: tuple[LayerWeight, ...] = field(init=False)

    def __post_init__(self) -> None:
        others = {
            "--layer": self.layers, "--class": self.classes, "--guide": self.guides, "--minus": self.minus,
        }  # fmt: skip
        given = [option for option, words in others.items() if words]
        if self.objective is not None and given:
            raise UsageError(f"Give {given[0]} or --objective, not both.")
        object.__setattr__(self, "raised", tuple(LayerWeight.read(word, "--layer") for word in self.layers))
        object.__setattr__(self, "lowered", tuple(LayerWeight.read(word, "--minus") for word in self.minus))
        for words in (self.classes, self.guides):
            if not all(word and word.isprintable() for word in words):
                raise UsageError("A class or a guide is one line of text.")

    def text(self, recommended: Sequence[str] = ()) -> str:
        """The objective in words; nothing where no option says anything.

        ``recommended`` are the layers that are meant where a guide or ``--minus`` names none.
        """
        from deepdream.ascent.arguments import CLASS, printed

        if self.objective is not None:
            return self.objective
        raised = [f"logit({printed(CLASS.take(name.strip()), CLASS)})" for name in self.classes]
        alone = not self.raised and not (self.classes and not self.guides)
        layers = [LayerWeight(name) for name in recommended] if alone else self.raised
        raised += [layer.term(guide) for layer in layers for guide in self.guides or ("",)]
        text = " + ".join(raised + [layer.term(sign=-1) for layer in self.lowered])
        return text.replace("+ -", "- ")

    @property
    def said(self) -> bool:
        """Whether any option says something."""
        return bool(self.objective or self.layers or self.classes or self.guides or self.minus)


def objective_text(layers: Sequence[str] | None, objective: str | None) -> str | None:
    """The objective that ``--layer`` and ``--objective`` spell. Raises UsageError for both at once."""
    goal = Goal(layers or (), objective)
    return goal.text() if goal.said else None


def networks_for(
    names: Sequence[str], text: str, weights: str | Mapping[str, str | None] | None, device: str
) -> NetworkSpec:
    """The networks of ``--model`` and those whose names stand before layers in an objective, as one.

    Raises:
        UsageError: one weight file for several networks.
    """
    networks = list(dict.fromkeys((*names, *prefixes(text))))
    if len(networks) > 1 and isinstance(weights, str) and not weights.startswith("random"):
        raise UsageError(f"--weights is for one network; here are {', '.join(networks)}.")

    def weights_of(name: str) -> str | None:
        return weights.get(name) if isinstance(weights, Mapping) else weights

    given = list(dict.fromkeys(names))
    if not prefixes(text) and len(given) == 1:
        return NetworkSpec(given[0], weights_of(given[0]), device)
    called = {NetworkSpec(name, weights_of(name), device).load().name for name in given}
    every = [*given, *(name for name in prefixes(text) if name not in called)]
    return NetworkSpec(tuple(every), tuple(map(weights_of, every)), device)


def prefixes(text: str) -> list[str]:
    """The networks that an objective names before its layers. Raises UsageError: it cannot be read."""
    from deepdream.ascent import parse_objective

    layers = parse_objective(text).layers if text else ()
    return list(dict.fromkeys(name.rpartition("/")[0] for name in layers if "/" in name))


def recommended_layers(network: Model) -> list[str]:
    """The layer that each network recommends, under the names that they have in this dream."""
    mine = network.recommended_layer
    return [mine, *(f"{other.name}/{other.recommended_layer}" for other in network.members)]


def check_files(objective: Objective, search_paths: Iterable[Path]) -> None:
    """Raises PictureError if a file that the objective names is not there: said before hours of work."""
    from deepdream.provenance import pin

    for source, _ in objective.sources:
        pin(str(source), search_paths)


def tail(model: str, objective: Objective) -> str:
    """The end of a result's name: the network, and the layers or classes that were climbed."""
    words = [
        f"class-{term.arguments[0]}" if term.kind == "logit" else "+".join(term.layers)
        for _, term in objective.terms
    ]
    return re.sub(r"[^\w.+-]+", "-", f"{model}_{'+'.join(dict.fromkeys(filter(None, words)))}")[:100]
