"""``CheckTask``: check explanations of each picture; the numbers of all checks are rows of one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.attribution.question import Question
from deepdream.batch.events import Event, Finished, Stepped
from deepdream.batch.fed_picture import read_source
from deepdream.batch.sources import is_stdin
from deepdream.batch.task import Group, NetworkSpec, one_by_one
from deepdream.errors import UsageError
from deepdream.images.formats import read_suffixes

if TYPE_CHECKING:
    from torch import Tensor

    from deepdream.attribution.checks import CheckContext, CheckResult, Clock, MapUnderTest
    from deepdream.images import Picture
    from deepdream.models import Model

TABLE = "checks.csv"
COLUMNS = (
    "sha256", "target", "class", "probability", "method", "check", "value", "random_maps", "random_sd",
    "centered_blob", "edge_detector", "supports_the_method", "verdict", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class CheckTask:
    """Check the maps of ``methods`` by ``checks`` on each picture.

    Attributes:
        seconds: The time for one picture; None is as long as it takes.
        mask: White where the object is: one picture, or for many a folder with a mask of the same stem for each.
        masks_in_folder: Whether ``mask`` is such a folder.
    """

    network: NetworkSpec
    methods: tuple[str, ...]
    checks: tuple[str, ...]
    question: Question = field(default_factory=Question)
    seconds: float | None = None
    mask: str | None = None
    masks_in_folder: bool = False

    def prepare(self) -> None:
        """Load the network."""
        self.network.load()

    def check_masks(self, source: Path) -> None:
        """Raises UsageError: for many pictures the mask is not a folder, or it holds several masks for ``source``."""
        if self.mask is None:
            return
        if not Path(self.mask).is_dir():
            raise UsageError(
                f"For many pictures --mask is a folder with a mask for each; {self.mask} is not one."
            )
        mask_for(str(source), Path(self.mask))

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Each picture by itself."""
        return one_by_one(sources)

    def __call__(self, group: Group) -> Iterator[Event]:
        (item,) = group
        picture = read_source(item)
        context = self.context_of(item, picture)
        maps: list[MapUnderTest] = []
        results: list[CheckResult] = []
        for step in self.check(item, context):
            if isinstance(step, Stepped):
                yield step
            else:
                maps, results = step
        about = {
            "sha256": picture.sha256,
            "target": context.target,
            "class": context.model.label(context.target),
            "probability": context.probability,
        }
        document = {"input": item, "sha256": picture.sha256, **check_document(context, maps, results)}
        rows = tuple({**about, **_row(result)} for result in results)
        yield Finished(item=item, rows=rows, documents=(document,))

    def context_of(self, item: str, picture: Picture) -> CheckContext:
        """A picture, its class and its mask, ready to be checked.

        Raises:
            UsageError, UnknownNameError: no such class, or a mask of another size.
        """
        from deepdream.attribution.checks import CheckContext

        model = self.network.load()
        image = model.crop(picture.tensor()).to(model.device)
        return CheckContext(
            model,
            image,
            self.question,
            mask=self._mask_of(item, picture, model),
            networks=_randomized_networks(self.network, self.question.seed),
        )

    def _mask_of(self, item: str, picture: Picture, model: Model) -> Tensor | None:
        """(H, W) bool at the size fed: cropped from the mask as the picture itself is cropped."""
        path = None if self.mask is None else Path(self.mask)
        if path is not None and self.masks_in_folder:
            path = mask_for(item, path)
        if path is None:
            return None
        mask = read_source(path)
        if (mask.height, mask.width) != (picture.height, picture.width):
            sizes = f"{mask.width}x{mask.height}, the picture {picture.width}x{picture.height}"
            raise UsageError(f"The mask is {sizes}: make them the same.")
        return model.crop(mask.tensor())[0].mean(0) > 0.5

    def check(
        self, item: str, context: CheckContext
    ) -> Iterator[Stepped | tuple[list[MapUnderTest], list[CheckResult]]]:
        """Steps, and at the end the maps and the results of their checks. Raises UsageError: no method applies."""
        from deepdream.attribution.checks import Clock, checked, plan_curves

        clock = Clock(self.seconds)
        maps: list[MapUnderTest] = []
        for step in self._explain(item, context, clock):
            if isinstance(step, Stepped):
                yield step
            else:
                maps.append(step)
        seconds = None if clock.seconds is None else clock.left
        curves = None if seconds is None else plan_curves(context, len(maps), seconds, most=context.steps)
        results: list[CheckResult] = []
        total = len(maps) * len(self.checks)
        for result in checked(context, maps, self.checks, budget=seconds, curves=curves):
            results.append(result)
            stage = f"[{len(results)}/{total}] {result.check} of {result.method}, {result.seconds:.1f} s"
            yield Stepped(item=item, number=len(results), total=total, stage=stage, ends_stage=True)
        yield maps, results

    def _explain(self, item: str, context: CheckContext, clock: Clock) -> Iterator[Stepped | MapUnderTest]:
        from deepdream.attribution.checks import REDUCED_PASSES, NotApplicable, explained, map_under_test

        # With a time limit a third of it is for the maps, and maps that are computed again use fewer passes.
        passes = None if clock.seconds is None else REDUCED_PASSES
        budget = None if clock.seconds is None else clock.seconds / 3
        reasons, maps = list[str](), 0
        for explanation in explained(context, self.methods, budget=budget):
            if isinstance(explanation, NotApplicable):
                reasons.append(
                    f"{explanation.method} does not apply to {context.model.name}: {explanation.reason}"
                )
                if len(self.methods) > 1:  # the error says it where there is one method only
                    yield Stepped(item=item, note=reasons[-1])
                continue
            maps += 1
            stage = f"{explanation.method}: explained in {explanation.seconds:.1f} s."
            yield Stepped(item=item, stage=stage, ends_stage=True)
            yield map_under_test(explanation, passes=passes)
        if not maps:
            raise UsageError(
                reasons[0] if len(reasons) == 1 else "None of these methods applies to this network."
            )


@lru_cache(maxsize=1)  # one network at a time: randomized copies of a large one fill the memory
def _randomized_networks(network: NetworkSpec, seed: int) -> dict[str, Any]:
    """Where the checks keep randomized copies of the network, which all pictures of a run share."""
    del network, seed
    return {}


def _row(result: CheckResult) -> dict[str, Any]:
    random, *others = [*result.controls.values(), *[(None, None)] * 3][:3]
    return {
        "method": result.method,
        "check": result.check,
        "value": result.value,
        "random_maps": random[0],
        "random_sd": random[1],
        "centered_blob": others[0][0],
        "edge_detector": others[1][0],
        "supports_the_method": {True: "yes", False: "no", None: ""}[result.supports],
        "verdict": result.verdict,
        "seconds": round(result.seconds, 3),
    }


def check_document(
    context: CheckContext, maps: Sequence[MapUnderTest], results: Sequence[CheckResult]
) -> dict[str, Any]:
    """The checks of one picture as an entry of the JSON."""
    from deepdream.attribution.checks import agreement

    finite = {entry.method: entry.heatmap for entry in maps if bool(entry.heatmap.isfinite().all())}
    return {
        "schema": 1,
        "model": context.model.name,
        "target": context.target,
        "label": context.model.label(context.target),
        "against": context.against,
        "probability": context.probability,
        "seed": context.seed,
        "results": [result.to_dict() for result in results],
        "agreement": agreement(finite).to_dict(),
    }


def mask_for(source: str, masks: Path) -> Path | None:
    """The picture in the folder ``masks`` with the stem of ``source``; None where there is none.

    Raises:
        UsageError: the folder holds several of that stem.
    """
    matches = () if is_stdin(source) else _by_stem(masks).get(Path(source).stem, ())
    if len(matches) > 1:
        raise UsageError(
            f"{masks} holds several masks for {Path(source).name}: {matches[0].name}, {matches[1].name}."
        )
    return matches[0] if matches else None


@cache
def _by_stem(folder: Path) -> Mapping[str, Sequence[Path]]:
    paths: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in read_suffixes():
            paths.setdefault(path.stem, []).append(path)
    return paths
