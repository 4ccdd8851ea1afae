"""Options that several commands share, each written once, and the network they name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.task import NetworkSpec
from deepdream.errors import UsageError
from deepdream.images.formats import formats_with_bits
from deepdream.plan import PRESETS, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepdream.dreaming.axes import Value
    from deepdream.models import Model

DEFAULT_MODEL = "efficientnet_lite0"
_SETTINGS = {entry.name: entry for entry in fields(Plan)}


def _help(name: str) -> str:
    """The help of a setting: what it is, its choices, unit and value in the default preset."""
    entry = _SETTINGS[name]
    text = entry.metadata["help"]
    if entry.metadata["choices"]:
        text += f" One of {', '.join(entry.metadata['choices'])}."
    unit = f" {entry.metadata['unit']}" if entry.metadata["unit"] else ""
    return f"{text} Preset balanced: {f'{entry.default}{unit}' if entry.default != '' else 'none'}."


def setting(name: str, *flags: str) -> Any:
    """The option of a setting of the plan, which knows its own help; called like it if no ``flags`` are given."""
    return typer.Option(*flags, help=_help(name), show_default=False)


Inputs = Annotated[
    list[str],
    typer.Argument(
        help="Pictures, folders or patterns. `noise` starts from random noise.", show_default=False
    ),
]
LayerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        "-l",
        help="The layer to dream with, or LAYER=WEIGHT. May be repeated. `deepdream layers` lists all.",
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="A named set of settings, or FILE.toml. "
        + " ".join(f"{preset.name}: {preset.summary}." for preset in PRESETS.values())
        + " `deepdream presets` lists these and your own.",
    ),
]
#: What every option that names a network says.
MODEL_HELP = (
    "The network: a name that `deepdream models` lists, or FILE.py:FUNCTION, a function of your own Python file that "
    "returns a network. The file is run."
)
ModelOption = Annotated[str, typer.Option("--model", "-m", help=MODEL_HELP)]
OwnModels = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="FILE.py:FUNCTION",
        help="The network, if it comes from your own Python file. The file is run.",
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights", help="A checkpoint file (.safetensors or .pth), or random[:SEED] for random weights."
    ),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="Where to compute: auto, cpu, cuda, cuda:1 or mps.")
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        help="Precision inside the network. auto means float32; bfloat16 and float16 give a different picture, "
        "marked as a draft.",
    ),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size", help="Longer side in pixels, or WIDTHxHEIGHT. The default is the size of the picture."
    ),
]
RangeOption = Annotated[
    str,
    typer.Option(
        "--range", help="How stored values are mapped to [0, 1]: auto, minmax, percentile or LOW:HIGH."
    ),
]
MaskOption = Annotated[
    str | None,
    typer.Option(
        "--mask",
        metavar="PICTURE",
        help="A gray picture, white where the picture may change. It is resized to the picture.",
    ),
]
MaxPixels = Annotated[
    int, typer.Option("--max-pixels", min=1, help="Refuse pictures with more pixels, before decoding them.")
]
CheckpointEvery = Annotated[
    int,
    typer.Option(
        "--checkpoint-every",
        min=0,
        metavar="N",
        help="Store the state of the dream beside the output every N steps. `deepdream resume` continues from it.",
        show_default=False,
    ),
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", help="Output file or folder. The default is outputs/{input}_{model}_{layer}.png."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Bits = Annotated[
    int, typer.Option("--bits", help=f"Bits for each value: 8, or 16 for {formats_with_bits(16)}.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print no progress and no messages except errors.")
]


@dataclass(frozen=True)
class NetworkChoice:
    """Which network, with which numbers, and where it runs."""

    model: ModelOption = DEFAULT_MODEL
    weights: WeightsOption = None
    device: DeviceOption = "auto"

    @property
    def spec(self) -> NetworkSpec:
        """The same as a value for tasks."""
        return NetworkSpec(self.model, self.weights, self.device)

    def load(self, *, quiet: bool = False) -> Model:
        """The network. Raises UnknownNameError, UsageError, WeightsError."""
        from deepdream.cli.network_loading import load_spec

        return load_spec(self.spec, quiet=quiet)


@dataclass(frozen=True)
class Keeping:
    """What is kept of a dream beside its pixels."""

    no_metadata: Annotated[
        bool, typer.Option("--no-metadata", help="Do not write the recipe into the picture.")
    ] = False
    decided_by: Annotated[
        str, typer.Option(help="The person who is responsible for this picture. The recipe stores the name.")
    ] = ""
    checkpoint_every: CheckpointEvery = 0

    def __post_init__(self) -> None:
        if not self.decided_by.isprintable() or len(self.decided_by) > 200:
            raise UsageError("--decided-by is one line of at most 200 characters.")


class Settings:
    """Options that are called like the settings of a plan that they are; None where nothing was said."""

    def said(self, **others: Value | None) -> dict[str, Any]:
        """What was said of these and ``others``, by name."""
        return {name: value for name, value in (vars(self) | others).items() if value is not None}


def read_settings(words: list[str] | None, given: Mapping[str, Value]) -> dict[str, Value]:
    """What every ``--set NAME=VALUE`` says, besides the options that were given otherwise (``given``).

    Raises:
        UnknownNameError: no such setting.
        UsageError: a setting that is given twice, or a value of another kind.
    """
    from deepdream.dreaming.axes import check_setting, parse_value

    settings = dict(given)
    for word in words or ():
        name, sign, value = word.partition("=")
        name = check_setting(name.strip())
        if not sign or name in settings:
            raise UsageError(f"Cannot read --set {word[:60]!r}: once for each setting, such as steps=8.")
        settings[name] = parse_value(name, value.strip())
    return settings


def read_precision(word: str) -> str | None:
    """The plan's precision that ``--precision`` asks for; None for ``auto``: a draft is never made unasked."""
    return None if word == "auto" else word
