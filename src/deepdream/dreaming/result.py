"""A finished (or interrupted) dream: the picture, its alpha, and the recipe that made it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from deepdream.ascent.parameterizations import move_detail
from deepdream.ascent.transparency import laid_over
from deepdream.dreaming.beginning import start
from deepdream.dreaming.control import result
from deepdream.dreaming.measures import Measures, measure
from deepdream.dreaming.ongoing import Dream, dream_of, top_classes
from deepdream.dreaming.source_pictures import fit_picture
from deepdream.errors import DeepDreamError, MemoryExhaustedError, UsageError
from deepdream.images import Picture, encode, write_picture
from deepdream.plan import Plan
from deepdream.tensors import give_back_memory, make_room

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from deepdream.dreaming.state import State
    from deepdream.models import Model
    from deepdream.provenance import Prediction, Recipe


@dataclass(frozen=True, eq=False)
class DreamResult:
    """The result of a dream; shows itself in a notebook.

    Attributes:
        pixels: float32 (H, W, 3) in [0, 1].
        alpha: float32 (H, W), how opaque it is; None where it is everywhere.
        recipe: What made it.
        measures: Numbers about what changed.
    """

    pixels: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    recipe: Recipe
    measures: Measures

    def save(self, path: Path | str, *, bits: int = 8, metadata: bool = True) -> None:
        """Write the picture, whole or not at all, with its recipe inside. Raises OutputError."""
        text = replace(self.recipe, bits=bits).to_text() if metadata else None
        write_picture(Path(path), self.pixels, alpha=self.alpha, recipe=text, bits=bits)

    def _repr_png_(self) -> bytes:
        return encode(self.pixels, format="png", alpha=self.alpha)


def begin(
    model: Model,
    picture: Picture,
    plan: Plan | None = None,
    *,
    size: str | None = None,
    decided_by: str = "",
    value_range: str = "auto",
    search_paths: Iterable[Path] = (),
    before: tuple[Prediction, ...] | None = None,
) -> Dream:
    """The first half of ``render``: a dream before its first step. ``picture`` is not needed any more.

    ``before`` are the picture's most probable classes, asked of the model if not given.
    """
    plan = plan or Plan()
    with enough_memory(size or f"{picture.width}x{picture.height}"):
        fitted = fit_picture(picture, size)
        state = start(model, plan, fitted.tensor(), search_paths=search_paths)
        if len(state.source) > 1:
            raise UsageError("This plan is for several pictures, which render_all gives.")
        give_back_memory()
        return dream_of(
            model, picture, state, alpha=fitted.alpha, decided_by=decided_by, value_range=value_range,
            before=before,
        )  # fmt: skip


def finish_pictures(
    model: Model,
    picture: Picture,
    state: State,
    *,
    alpha: NDArray[np.float32] | None = None,
    decided_by: str = "",
) -> list[DreamResult]:
    """The results of all pictures that one plan gives, as they are now, in the order of its objectives.

    Args:
        picture: What all of them started from.
        alpha: float32 (H, W) in [0, 1], its opacity at the size of the dream.
    """
    return [
        finish(
            model,
            dream_of(
                model,
                picture,
                state.alone(index),
                alpha=alpha,
                decided_by=decided_by,
                value_range="auto",
            ),
        )
        for index in range(len(state.source))
    ]


@contextmanager
def enough_memory(size: str) -> Iterator[None]:
    """Names every way in which memory runs out: Python, NumPy and Pillow, torch on a device, torch on the CPU."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise MemoryExhaustedError(
            f"Not enough memory for {size} pixels. Choose a smaller --size."
        ) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise MemoryExhaustedError(
            f"Not enough memory for {size} pixels. Choose a smaller --size."
        ) from error


def finish(model: Model, ongoing: Dream) -> DreamResult:
    """The result as the dream is now, brought to full size if it is in an earlier octave."""
    (result_or_error,) = finish_all(model, [ongoing], ongoing.state)
    if isinstance(result_or_error, DeepDreamError):
        raise result_or_error
    return result_or_error


def finish_all(model: Model, dreams: Sequence[Dream], state: State) -> list[DreamResult | DeepDreamError]:
    """The results of ``dreams``, whose steps ``state`` holds together, in their order.

    An error stands in the place of a picture whose numbers went bad.
    """
    whole = _at_full_size(state)
    images, opacity = result(whole), whole.opacity()
    del whole
    give_back_memory()
    classes = top_classes(model, images if opacity is None else _on_gray(images, opacity))
    results = []
    for index, (ongoing, after) in enumerate(zip(dreams, classes, strict=True)):
        own = slice(index, index + 1)
        alone = state if len(dreams) == 1 else state.alone(index)
        cover = None if opacity is None else opacity[own]
        results.append(_finished_one(model, ongoing, alone, images[own], cover, after))
    return results


def _finished_one(
    model: Model,
    ongoing: Dream,
    state: State,
    image: Tensor,
    opacity: Tensor | None,
    after: tuple[Prediction, ...],
) -> DreamResult | DeepDreamError:
    if not image.isfinite().all():
        return DeepDreamError(
            "The dream left the range of numbers (NaN or infinity). Choose a smaller --rate."
        )
    opaque = image if opacity is None else _on_gray(image, opacity)
    measures, alpha = measure(state.source.cpu(), opaque.cpu()), ongoing.alpha
    if opacity is not None:
        measures = replace(measures, mean_alpha=float(opacity.mean()))
        alpha = opacity[0, 0].cpu().numpy()
    make_room(image)
    recipe = ongoing.completed(model, state, opaque, measures, after=after)
    pixels = np.ascontiguousarray(image[0].permute(1, 2, 0).cpu().numpy())
    return DreamResult(pixels, alpha, recipe, measures)


def _on_gray(image: Tensor, opacity: Tensor) -> Tensor:
    """A transparent picture on mid gray, as the network classifies it."""
    return laid_over(torch.cat([image, opacity], dim=1), torch.full_like(image[:1, :, :1, :1], 0.5))


def full_size(state: State) -> Tensor:
    """(B, 3, H, W): the dream so far on the sharp original, whatever octave it is in, its effect controlled."""
    return result(_at_full_size(state))


def _at_full_size(state: State) -> State:
    height, width = state.source.shape[-2:]
    if (state.size.height, state.size.width) == (height, width):
        return state
    parameters = move_detail(
        state.parameterization, state.parameters, state.base(), state.source, how=state.plan.resampling
    )
    return replace(state, parameters=parameters, octave=len(state.octaves) - 1)
