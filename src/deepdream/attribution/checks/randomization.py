"""Does the map change at all if the network's weights are shuffled, or another class is explained?

Adebayo et al. 2018, "Sanity checks for saliency maps", arXiv:1810.03292; random logit: Sixt et al. 2020,
arXiv:1912.09818. Deviation: the weights of a tensor are shuffled, not drawn anew. A shuffled network keeps
the scale of its activations, so its maps are neither zero nor infinite.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from deepdream.attribution.checks.check_registry import CheckResult, check_of_methods
from deepdream.attribution.checks.context import CheckContext, Measurement
from deepdream.attribution.checks.similarity import compare
from deepdream.attribution.checks.tested_map import MapUnderTest, needs_method
from deepdream.attribution.checks.verdicts import WIDTH, ControlScores, Verdict
from deepdream.models import Model
from deepdream.models.copies import copied
from deepdream.tensors import generator

#: How many stages a cascade has: the classifier, then about equally many layers each.
STAGES = 5
#: Other classes that are explained.
CLASSES = 2
#: The mean similarity from which a map counts as independent of the network.
BLIND = 0.5
#: One up to which it is unrelated, whatever the random maps score: two smooth maps agree a little at random.
UNRELATED = 0.2

#: Networks up to this many parameters are kept shuffled, so that every method finds them prepared.
KEPT = 30_000_000


def layers_with_weights(model: Model) -> tuple[str, ...]:
    """Names of the modules that own parameters, in order of execution; unprobed ones come last."""
    parts = model.module.named_modules()
    own = {name for name, part in parts if next(part.parameters(recurse=False), None) is not None}
    probed = [name for name in model.layers if name in own]
    return (*probed, *sorted(own - set(probed)))


def stages(names: Sequence[str], count: int = STAGES) -> tuple[tuple[str, ...], ...]:
    """The layers from the top down, cut into stages: the last layer alone, then equal parts.

    >>> stages(["stem", "a", "b", "head"], 3)
    (('head',), ('b', 'a'), ('stem',))
    """
    below = list(reversed(names[:-1]))
    parts = min(max(count - 1, 0), len(below))
    edges = [round(len(below) * part / parts) for part in range(parts + 1)] if parts else []
    rest = [tuple(below[start:stop]) for start, stop in itertools.pairwise(edges)]
    return (tuple(names[-1:]), *rest)


def shuffled(model: Model, layers: Iterable[str], *, seed: int = 0) -> Model:
    """A model with a deep copy of the module, in which every tensor of ``layers`` is shuffled."""
    module = copied(model.module)
    source = generator(seed)
    with torch.no_grad():
        for name in layers:
            for parameter in module.get_submodule(name).parameters(recurse=False):
                # On the CPU: the same seed gives the same network on every device.
                order = torch.randperm(parameter.numel(), generator=source).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return replace(model, module=module, name=f"{model.name} with shuffled weights")


def cascade(model: Model, *, seed: int = 0, count: int = STAGES) -> Iterator[tuple[str, Model]]:
    """Networks shuffled from the top down to ever deeper layers, with the deepest shuffled layer's name."""
    parts = stages(layers_with_weights(model), count)
    for depth in range(1, len(parts) + 1):
        names = [name for part in parts[:depth] for name in part]
        yield names[-1], shuffled(model, names, seed=seed)


def one_by_one(model: Model, *, seed: int = 0, count: int = STAGES) -> Iterator[tuple[str, Model]]:
    """Networks with one stage shuffled each, all others as they were."""
    for part in stages(layers_with_weights(model), count):
        yield part[-1], shuffled(model, part, seed=seed)


def _measure(original: Tensor, others: Iterable[tuple[str, Tensor]]) -> Measurement:
    """Mean similarity to ``original`` and the curves: Spearman of magnitudes, and SSIM."""
    pairs = [(name, compare(original, other)) for name, other in others]
    curves = {
        "spearman": tuple(pair.absolute for _, pair in pairs),
        "ssim": tuple(pair.ssim for _, pair in pairs),
    }
    return Measurement({key: sum(curve) / len(curve) for key, curve in curves.items()}, curves)


def control_bands(context: CheckContext) -> dict[str, ControlScores]:
    """The scores of control maps: random maps drawn anew each time, and maps that never change."""
    random = [heatmap for name, heatmap in context.controls.items() if name.startswith("random")]
    pairs = [compare(a, b) for a, b in zip(random, random[1:] + random[:1], strict=True)]
    still = {"gaussian": 1.0, "edges": 1.0}
    return {
        "spearman": ControlScores(tuple(pair.absolute for pair in pairs), **still),
        "ssim": ControlScores(tuple(pair.ssim for pair in pairs), **still),
    }


def judge_change(value: float, control_scores: ControlScores, what: str) -> Verdict:
    """Whether maps changed when the network did: at the level of unrelated maps, or hardly at all."""
    if not value < float("inf"):
        return Verdict("not a number: a map could not be compared", False)
    if value <= max(control_scores.mean + WIDTH * control_scores.sd, UNRELATED):
        return Verdict(f"passes: with {what} the map is as different as an unrelated one", True)
    if value >= BLIND:
        return Verdict(f"fails: with {what} the map stays much the same ({value:.2f})", False)
    return Verdict(f"in between: with {what} part of the map remains ({value:.2f})", False)


Shuffles = Callable[..., Iterator[tuple[str, Model]]]


def _networks(context: CheckContext, name: str, make: Shuffles) -> Iterable[tuple[str, Model]]:
    size = sum(parameter.numel() for parameter in context.model.module.parameters())
    if size > KEPT:
        return make(context.model, seed=context.seed)
    if name not in context.networks:
        context.networks[name] = list(make(context.model, seed=context.seed))
    return context.networks[name]


def _check(
    name: str, context: CheckContext, tested_map: MapUnderTest, make: Shuffles, what: str
) -> CheckResult:
    recompute = tested_map.recompute
    assert recompute is not None
    maps = (
        (layer, recompute(network, context.image, context.target))
        for layer, network in _networks(context, name, make)
    )
    return _judged(name, context, tested_map, maps, what)


def _judged(
    name: str, context: CheckContext, tested_map: MapUnderTest, maps: Iterable[tuple[str, Tensor]], what: str
) -> CheckResult:
    measured, control_scores = _measure(context.reference(tested_map), maps), control_bands(context)
    verdict = judge_change(measured.values["spearman"], control_scores["spearman"], what)
    if tested_map.reduced_passes is not None:
        likeness = compare(tested_map.heatmap, context.reference(tested_map)).absolute
        passes, like = (
            f"{tested_map.reduced_passes} passes through the network",
            f"{likeness:.2f} like the full one",
        )
        if likeness < BLIND:
            # A map of so few samples differs from itself at another seed as much as from another network's.
            verdict = Verdict(f"cannot be told: with {passes} the map is mostly chance ({like})", None)
        else:
            verdict = Verdict(f"{verdict.words}; maps of {passes}, where it is {like}", verdict.supports)
    return CheckResult.of(
        name, tested_map, measured, verdict=verdict, control_scores=control_scores, main=("spearman",)
    )


@check_of_methods(
    "randomization",
    order=200,
    recomputations=5,
    better="lower",
    applies=needs_method,
    question="Does the map fall apart when the weights are shuffled from the top layer down?",
    paper="Adebayo et al. 2018, Sanity checks for saliency maps, arXiv:1810.03292",
    good="mean similarity near that of unrelated maps; a map that ignores the network scores 1",
    cost="5 explanations",
)
def cascading_randomization(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """Similarity of the map to those of ever deeper shuffled networks."""
    return _check("randomization", context, tested_map, cascade, "shuffled weights")


@check_of_methods(
    "layer-randomization",
    order=320,
    report="deep",
    recomputations=5,
    better="lower",
    applies=needs_method,
    question="Does the map change when only one part of the network is shuffled?",
    paper="Adebayo et al. 2018, Sanity checks for saliency maps (independent), arXiv:1810.03292",
    good="mean similarity near that of unrelated maps; a map that ignores the network scores 1",
    cost="5 explanations",
)
def layer_randomization(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """Similarity of the map to those of networks with one shuffled part."""
    return _check("layer-randomization", context, tested_map, one_by_one, "one part shuffled")


def needs_another_class(context: CheckContext, tested_map: MapUnderTest) -> str | None:
    """Why the map of another class cannot be computed, or None."""
    others = other_classes(context.model.classes, context.target, but=context.against, seed=context.seed)
    return needs_method(context, tested_map) or (None if others else "the network has no other class")


@check_of_methods(
    "random-logit",
    order=210,
    recomputations=2,
    better="lower",
    applies=needs_another_class,
    question="Is the map of another class, chosen at random, a different map?",
    paper="Sixt et al. 2020, When explanations lie, arXiv:1912.09818",
    good="similarity near that of unrelated maps; a map that ignores the class scores 1",
    cost="2 explanations",
)
def random_logit(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """Similarity of the map to those of other classes."""
    recompute = tested_map.recompute
    assert recompute is not None
    others = other_classes(context.model.classes, context.target, but=context.against, seed=context.seed)
    maps = ((str(index), recompute(context.model, context.image, index)) for index in others)
    return _judged("random-logit", context, tested_map, maps, "another class")


def other_classes(
    classes: int, target: int, *, but: int | None = None, seed: int = 0, count: int = CLASSES
) -> list[int]:
    """Classes chosen at random that are not the target, nor ``but``."""
    order: list[int] = torch.randperm(classes, generator=generator(seed)).tolist()
    return [index for index in order if index not in (target, but)][:count]
