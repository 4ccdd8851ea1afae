"""The kinds of objectives that read a network's activations.

Most formulas are lucid's (Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill;
lucid/optvis/objectives.py), at mean reduction; the guide is Google's first notebook.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from deepdream.ascent.algebra import objective_kind
from deepdream.ascent.arguments import CLASS, INDEX, LAYER, NETWORK, PICTURE, VECTOR, Value, number, share
from deepdream.ascent.term_inputs import INPUT, LOGITS, Reference, TermInputs, as_map, on_grid
from deepdream.errors import UsageError
from deepdream.provenance import Resource

#: At most so many dot products are held at once when positions look for their guide.
_AT_ONCE = 1 << 24


@objective_kind(LAYER)
def layer(inputs: TermInputs, name: str) -> Tensor:
    """The mean squared activation of a layer: more of whatever it sees.

    Its gradient at the layer is proportional to the activation itself, as in the first DeepDream notebook
    (Mordvintsev, Olah, Tyka 2015), whose half sum of squares is the reduction ``half-sum``. The mean keeps
    scores comparable between octaves.
    """
    squares = inputs.total(as_map(inputs.activations[name]).square())
    return squares / 2 if inputs.reduction == "half-sum" else squares


@objective_kind(LAYER, INDEX)
def channel(inputs: TermInputs, name: str, index: int) -> Tensor:
    """The mean activation of one channel of a layer; of tokens (B, N, C) it is the last axis."""
    return inputs.total(_channel(inputs, name, index))


def _channel(inputs: TermInputs, name: str, index: int) -> Tensor:
    """(B, 1, h, w). Raises UsageError: no such channel."""
    activation = inputs.spatial(name)
    if not 0 <= index < activation.shape[1]:
        last = activation.shape[1] - 1
        raise UsageError(f"{name} has channels 0 to {last}; there is no channel {index}.")
    return activation[:, index : index + 1]


def _spot(_: str, __: int, y: float, x: float) -> tuple[Reference, ...]:
    return (Reference("spot", numbers=(y, x)),)


@objective_kind(LAYER, INDEX, share("y", 0.5), share("x", 0.5), spread="sum", references=_spot)
def neuron(inputs: TermInputs, name: str, index: int, y: float, x: float) -> Tensor:
    """One unit: a channel at one place of the picture, given as shares of its height and width.

    Shares and not positions, so that the place is the same in every octave; it moves along when the picture is
    rolled or cut into tiles.
    """
    activation = _channel(inputs, name, index)
    spot = on_grid(inputs.references[Reference("spot", numbers=(y, x))], activation)
    # All of it in one cell; none in a tile that lies elsewhere.
    spot = spot / spot.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1e-9)
    for mask in inputs.masks:
        spot = spot * on_grid(inputs.references[mask], activation)
    return (activation * spot).sum(dim=(2, 3)).mean()


def _vector_reference(name: str, vector: Value, _: float) -> tuple[Reference, ...]:
    return () if isinstance(vector, tuple) else (Reference("vector", str(vector), name),)


@objective_kind(LAYER, VECTOR, number("power", 0), references=_vector_reference)
def direction(inputs: TermInputs, name: str, vector: Value, power: float) -> Tensor:
    """The mean dot product with a vector, times the cosine (at least 0.1) to a power: lucid's ``direction``."""
    if isinstance(vector, tuple):
        values = inputs.image.new_tensor(vector)
    else:
        values = inputs.references[Reference("vector", str(vector), name)]
    channels = inputs.spatial(name).shape[1]
    if values.numel() != channels:
        raise UsageError(f"{name} has {channels} channels; this direction has {values.numel()} numbers.")
    return inputs.total(_dot_cosine(inputs.spatial(name), values.reshape(1, -1, 1, 1), power))


def _dot_cosine(x: Tensor, y: Tensor, power: float) -> Tensor:
    """x.y * max(0.1, cosine)^power at every position (B, 1, h, w); lucid's ``_dot_cossim``.

    The cosine is at least 0.1, so that positions which point the other way still have a slope.
    """
    dot = (x * y).sum(dim=1, keepdim=True)
    if power == 0:
        return dot
    # The square root's slope is infinite where all channels are zero.
    lengths = x.square().sum(dim=1, keepdim=True).clamp_min(1e-12).sqrt()
    cosine = dot / (1e-4 + lengths) / (1e-4 + y.square().sum(dim=1, keepdim=True).sqrt())
    return dot * cosine.clamp_min(0.1) ** power


@objective_kind(CLASS, NETWORK, spread="whole")
def logit(inputs: TermInputs, which: int, network: str) -> Tensor:
    """The logit of one class, by number or name (before the softmax, which rises by lowering the others)."""
    logits = inputs.activations[f"{network}/{LOGITS}" if network else LOGITS]
    if not isinstance(which, int):
        raise UsageError(f"The class {which!r} has to be looked up in a network first.")
    if not 0 <= which < logits.shape[1]:
        raise UsageError(f"The network has classes 0 to {logits.shape[1] - 1}; there is no class {which}.")
    return logits[:, which].mean()


def _bank(name: str, picture: Value) -> tuple[Reference, ...]:
    return (Reference("bank", str(picture), name),)


@objective_kind(LAYER, PICTURE, references=_bank)
def guide(inputs: TermInputs, name: str, picture: Value) -> Tensor:
    """Every position follows that activation of the guide picture with which its dot product is largest.

    Google's ``objective_guide`` (google/deepdream, dream.ipynb 2015): the gradient at the layer is the chosen
    activation of the guide, divided by the number of positions.
    """
    (reference,) = _bank(name, picture)
    x = inputs.spatial(name)
    return inputs.total(
        (x * _best_matches(x.detach(), inputs.references[reference])).sum(dim=1, keepdim=True)
    )


def _best_matches(x: Tensor, bank: Tensor) -> Tensor:
    """For every position of (B, C, h, w) the row of ``bank`` (N, C) with the largest dot product."""
    rows = x.movedim(1, -1).reshape(-1, x.shape[1])
    # In pieces: all positions by all rows of the bank would take gigabytes at a shallow layer.
    step = max(1, _AT_ONCE // len(bank))
    chosen = [(part @ bank.T).argmax(dim=1) for part in torch.split(rows, step)]
    return bank[torch.cat(chosen)].reshape(x.shape[0], *x.shape[2:], x.shape[1]).movedim(-1, 1)


def _portrait(name: str, picture: Value, _: float) -> tuple[Reference, ...]:
    return (Reference("picture", str(picture), name),)


@objective_kind(
    LAYER,
    replace(PICTURE, default=INPUT),
    number("power", 1),
    references=_portrait,
)
def caricature(inputs: TermInputs, name: str, picture: str | Resource, power: float) -> Tensor:
    """What a layer sees in a picture (``input``: the one that is dreamed on), at its place, exaggerated.

    The dot product of the activations of both at the same position, times their cosine (at least 0.1) to a
    power: lucid's ``dot_compare`` (Olah et al. 2018, The Building Blocks of Interpretability), here position by
    position instead of over the whole map, so that it can be seen in tiles.
    """
    (reference,) = _portrait(name, picture, power)
    return inputs.total(_dot_cosine(inputs.spatial(name), as_map(inputs.references[reference]), power))


@objective_kind(LAYER, spread="whole")
def diversity(inputs: TermInputs, name: str) -> Tensor:
    """How different the pictures of a batch are: minus the mean cosine of their Gram matrices, summed over pairs.

    lucid's ``diversity`` with the sign turned, so that adding it makes the pictures differ.
    """
    x = inputs.spatial(name).flatten(2)
    if x.shape[0] < 2:
        raise UsageError("diversity() compares the pictures of a batch, and here is only one.")
    # Gram matrices hold what occurs together, wherever it lies: a shifted copy is not a different picture.
    grams = torch.nn.functional.normalize((x @ x.transpose(1, 2)).flatten(1), dim=1, eps=1e-5)
    cosines = grams @ grams.T
    return -(cosines.sum() - cosines.diagonal().sum()) / x.shape[0]


@objective_kind(LAYER, INDEX, replace(LAYER, name="layer2"), replace(INDEX, name="index2"))
def interpolate(inputs: TermInputs, name: str, index: int, second: str, other: int) -> Tensor:
    """From one channel in the first picture of a batch to another in the last: lucid's ``channel_interpolate``.

    For a single picture it is half of each.
    """
    one, two = _channel(inputs, name, index), _channel(inputs, second, other)
    count = one.shape[0]
    share = torch.linspace(0, 1, count).to(one) if count > 1 else one.new_full((1,), 0.5)
    share = share[:, None, None, None]
    return inputs.total((1 - share) * one) + inputs.total(share * two)
