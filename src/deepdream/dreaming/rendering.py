"""A whole dream in one call: ``render`` for one picture, ``render_all`` for a plan of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepdream.dreaming.beginning import start
from deepdream.dreaming.loop import dream
from deepdream.dreaming.ongoing import Dream
from deepdream.dreaming.result import DreamResult, begin, enough_memory, finish, finish_pictures
from deepdream.dreaming.source_pictures import fit_picture
from deepdream.images import Picture
from deepdream.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deepdream.models import Model


def render(
    model: Model,
    picture: Picture,
    plan: Plan | None = None,
    *,
    size: str | None = None,
    decided_by: str = "",
    value_range: str = "auto",
    search_paths: Iterable[Path] = (),
) -> DreamResult:
    """Dream ``picture`` to the end.

    To see every step, or to stop early, write the loop that this function is::

        ongoing = begin(model, picture, plan)
        for step in dream(model, ongoing.state.plan, state=ongoing.state):
            ongoing = ongoing.after(step)
        result = finish(model, ongoing)

    ``decided_by`` names who answers for the result, ``value_range`` how the picture's numbers were read; both
    are kept in the recipe. ``search_paths`` are where files that the plan names by hash are looked for.

    Raises:
        UsageError, UnknownNameError: settings that do not fit the network or the picture, or a plan of several
            pictures, which ``render_all`` takes.
        MemoryExhaustedError: not enough memory.
        DeepDreamError: the numbers grew beyond all bounds.
    """
    return to_the_end(
        model,
        begin(
            model,
            picture,
            plan,
            size=size,
            decided_by=decided_by,
            value_range=value_range,
            search_paths=search_paths,
        ),
    )


def to_the_end(model: Model, ongoing: Dream) -> DreamResult:
    """The result of a dream after all steps that it still has."""
    with enough_memory(f"{ongoing.recipe.width}x{ongoing.recipe.height}"):
        for step in dream(model, ongoing.state.plan, state=ongoing.state):
            ongoing = ongoing.after(step)
        return finish(model, ongoing)


def render_all(
    model: Model,
    picture: Picture,
    plan: Plan,
    *,
    size: str | None = None,
    decided_by: str = "",
    search_paths: Iterable[Path] = (),
) -> list[DreamResult]:
    """Every picture of a plan, in the order of its objectives; otherwise as ``render``."""
    with enough_memory(size or f"{picture.width}x{picture.height}"):
        fitted = fit_picture(picture, size)
        state = start(model, plan, fitted.tensor(), search_paths=search_paths)
        for step in dream(model, plan, state=state):
            state = step.state
        return finish_pictures(model, picture, state, alpha=fitted.alpha, decided_by=decided_by)
