"""``run --like DREAM``: the settings and networks of a dream, for other pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepdream.batch.recorded import differences, name_of_network, weights_of
from deepdream.cli.info_command import recipe_of
from deepdream.cli.terminal import say
from deepdream.errors import UsageError
from deepdream.plan import Plan, plan_like

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepdream.models import Model
    from deepdream.provenance import Recipe


@dataclass(frozen=True)
class LikeRecipe:
    """What another picture is dreamed with.

    Attributes:
        picture: The dream whose settings are used.
        recipe: What was read from it.
        plan: Its settings, without those that belong to its photo alone.
        models: What ``--model`` would say.
        weights: For each of ``models`` what ``--weights`` would say.
    """

    picture: Path
    recipe: Recipe
    plan: Plan
    models: tuple[str, ...]
    weights: dict[str, str | None]

    def say_differences(self, network: Model, size: str | None, mask: str) -> None:
        """Say on stderr what is not as in the dream, where the user gave this ``size`` and ``mask`` (or none)."""
        recipe = self.recipe
        if network.name == recipe.model["name"]:
            lines = differences(recipe, network)
        else:  # hashes and the device of another network say nothing
            lines = [f"the network was {recipe.model['name']}, is {network.name}"]
        if size is None:
            lines.append(
                f"its size was {recipe.width}x{recipe.height}; each picture keeps its own size (--size sets it)"
            )
        if recipe.plan.mask and not mask:
            lines.append(f"its mask {recipe.plan.mask} is not used (--mask gives one)")
        for line in lines:
            say(f"deepdream: differs from {self.picture.name}: {line}")


def settings_like(picture: Path, models: Sequence[str] = (), weights: str | None = None) -> LikeRecipe:
    """The settings and networks that the recipe in ``picture`` gives for other pictures.

    Args:
        models: What the user gave as ``--model``: files that made the dream's networks, or other networks to use.
        weights: What the user gave as ``--weights``, used in place of the recipe's.

    Raises:
        PictureError: no recipe, or one that names a path.
        UsageError, WeightsError: a network or weights of the user's own, which must be given again.
    """
    from deepdream.ascent import parse_objective
    from deepdream.ascent.resolving import refuse_paths

    recipe = recipe_of(picture)
    for text in recipe.plan.objective.split(";"):
        refuse_paths(parse_objective(text))  # a recipe is a stranger's text: it must not open files here
    records = [recipe.model, *recipe.networks]
    if models and not any(record.get("code") for record in records):
        return LikeRecipe(
            picture, recipe, plan_like(recipe.plan), tuple(models), dict.fromkeys(models, weights)
        )
    own = list(models)
    names = [name_of_network(record, own) for record in records]
    if own:
        raise UsageError(f"--model {own[0]} is not needed: {picture.name} was made with {', '.join(names)}.")
    chosen = {
        name: weights if weights and not index else weights_of(record)
        for index, (name, record) in enumerate(zip(names, records, strict=True))
    }
    return LikeRecipe(picture, recipe, plan_like(recipe.plan), tuple(names), chosen)
