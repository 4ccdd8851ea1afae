"""Every setting of a dream: its name, default, range, unit and help, in one place, without torch.

Command-line options, library defaults, ``--dry-run``, the recipe inside a picture and sweeps all read ``Plan``,
so that no default is ever typed twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from deepdream.errors import UnknownNameError
from deepdream.plan.setting_fields import check_value, setting
from deepdream.plan.written_values import parse_magnitudes, parse_stop

#: Names of the parameterizations. The list is here because the settings are read without torch; registering one
#: that is not in it (``deepdream.ascent.parameterizations.register``) adds its name.
PARAMETERIZATION_NAMES = ["pixels", "logit", "colors", "fourier", "laplacian", "shared", "cppn", "maco"]


#: Settings that a conditioning replaces.
CONDITIONING = ("smoothing", "blur", "color", "calm", "normalization")
#: Settings that belong to one dream and one picture, and not to a preset.
PERSONAL = (
    "objective", "preset", "seed", "alpha", "start", "pictures", "batch", "tile", "tile_fitted", "tile_halo",
    "mask", "mask_outside", "feather",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Every resolved setting of a dream. Immutable; checked when made.

    Raises:
        UsageError: a wrong type, or a value outside its range, named with the range.
    """

    objective: str = setting(
        "",
        "What the dream maximizes, as text: layer(blocks.4) + 0.5*layer(blocks.3). A ';' separates the "
        "objectives of a batch.",
    )
    preset: str = setting("balanced", "A named set of settings.")
    octaves: int = setting(
        5, "Number of sizes at which the picture is dreamed, from small to full (1 to 20).", low=1, high=20
    )
    octave_scale: float = setting(
        1.4, "Ratio of the side of one octave to that of the octave before (1.01 to 4).", low=1.01, high=4.0
    )
    steps: int = setting(14, "Number of gradient steps in each octave (1 to 10000).", low=1, high=10_000)
    rate: float = setting(
        0.02,
        "Size of one step, as the typical change of a mid-gray pixel whose values lie between 0 and 1.",
        low=1e-6,
        high=10.0,
    )
    jitter: int = setting(
        32,
        "Largest random roll of the picture before each gradient, in pixels (0 to 512).",
        low=0,
        high=512,
        unit="pixels",
    )
    strength: float | None = setting(
        0.09,
        "Root-mean-square change of the picture that the dream is scaled to, from 0 to 1. With none, the "
        "rate and the steps decide.",
        low=0.0,
        high=1.0,
    )
    seed: int = setting(0, "Random seed.", low=0, high=2**63 - 1)
    parameterization: str = setting(
        "logit",
        "The numbers that are optimized and stand for the picture. cppn and maco start from noise only.",
        choices=PARAMETERIZATION_NAMES,
    )
    decorrelated: bool = setting(
        True,
        "Whether colors are optimized on the decorrelated axes of photographs instead of red, green and "
        "blue. It does not apply to pixels and logit.",
    )
    magnitudes: str = setting(
        "",
        "Magnitudes of the frequencies of photographs, used by maco. `deepdream visualize --magnitudes` "
        "measures them.",
    )
    alpha: bool = setting(False, "Whether a picture from noise has a transparent background.")
    alpha_weight: float = setting(
        0.6, "How strongly the opacity of a transparent picture is reduced (0 to 10).", low=0.0, high=10.0
    )
    optimizer: str = setting("ascent", "How a gradient becomes a step.", choices=("ascent", "adam"))
    smoothing: str = setting(
        "cascade", "How the gradient is smoothed.", choices=("none", "gaussian", "cascade", "laplacian")
    )
    blur: float = setting(
        1.2,
        "Width of the narrowest Gaussian that smooths the gradient, in pixels (0.1 to 2.5).",
        low=0.1,
        high=2.5,
        unit="pixels",
    )
    color: float = setting(
        0.55,
        "Share of the gradient with decorrelated colors, from 0 to 1. More gives the colors of photographs.",
        low=0.0,
        high=1.0,
    )
    normalization: str = setting(
        "std",
        "What the gradient is divided by: its mean absolute value, its standard deviation, or nothing.",
        choices=("mean-abs", "std", "none"),
    )
    conditioning: str = setting(
        "",
        "How the gradient is changed, in place of smoothing, blur, color, calm and normalization: "
        "per_layer() + cascade(1.2) + photo_colors(0.55) + calm(0.8) + unit(std).",
    )
    reduction: str = setting(
        "mean",
        "How the squared activations of a layer become a score: their mean, or half their sum.",
        choices=("mean", "half-sum"),
    )
    detail: bool = setting(
        True,
        "Whether only the dreamed detail is enlarged for the next octave and added to the sharp original.",
    )
    calm: float = setting(
        0.8,
        "Reduction of the dream where the picture is flat, from 0 (none) to 1 (no dream there).",
        low=0.0,
        high=1.0,
    )
    tile: int = setting(
        0,
        "Side of the tiles that a large picture is cut into, without their halo, in pixels. With 0 the "
        "size of the picture decides.",
        low=0,
        high=65536,
        unit="pixels",
    )
    tile_fitted: bool = setting(
        False,
        "Whether the tile was chosen by the memory that was free. It is then halved where memory runs out.",
    )
    tile_halo: str = setting(
        "near",
        "How far a tile extends beyond its core: 64 pixels (near), or the receptive field (exact).",
        choices=("near", "exact"),
    )
    resampling: str = setting(
        "bicubic",
        "How pictures change size. linear is that of the first notebook.",
        choices=("bicubic", "linear"),
    )
    zoom: float = setting(
        0.0,
        "Largest random change of scale before each gradient, as a share from 0 to 0.5.",
        low=0.0,
        high=0.5,
    )
    transforms: str = setting(
        "",
        "Further random changes of the picture before each gradient: pad(12) + jitter(8) + scale(0.9, "
        "1.1) + rotate(-10, 10).",
    )
    start: str = setting(
        "picture",
        "Where the ascent starts: at the picture, or at faint seeded noise of its size.",
        choices=("picture", "noise"),
    )
    pictures: int = setting(
        1, "Number of pictures that are optimized together for each objective (1 to 64).", low=1, high=64
    )
    batch: int = setting(
        8, "Largest number of pictures in one pass of the network (1 to 1024).", low=1, high=1024
    )

    precision: str = setting(
        "float32",
        "Precision inside the network. bfloat16 and float16 give a different picture, marked as a draft.",
        choices=("float32", "bfloat16", "float16"),
    )
    relu: str = setting(
        "true",
        "Gradients of rectifiers: the true ones, or redirected so that dead and saturated units can be "
        "raised.",
        choices=("true", "redirected"),
    )

    stop_at: str = setting(
        "",
        "Distance from the input at which the dream stops, instead of a strength: ssim=0.6 (1 is the same"
        " picture), or l2=0.1.",
    )
    keep: str = setting(
        "nothing",
        "What must not change in the picture: nothing, its luminance or its color. A dream in color alone"
        " needs a lower strength.",
        choices=("nothing", "luminance", "color"),
    )
    blend: float = setting(
        1.0,
        "Share of the dream in the result, from 0 to 1. The rest is the original picture.",
        low=0.0,
        high=1.0,
    )
    mask: str = setting(
        "", "A gray picture, by name and hash. The picture may change where the mask is white."
    )
    mask_outside: bool = setting(False, "Dream where the mask is black instead of white.")
    feather: int = setting(
        0, "Width of the soft edge of the mask, in pixels (0 to 1000).", low=0, high=1000, unit="pixels"
    )

    def __post_init__(self) -> None:
        if isinstance(self.stop_at, str) and self.stop_at:
            parse_stop(self.stop_at)
        if isinstance(self.magnitudes, str) and self.magnitudes:
            parse_magnitudes(self.magnitudes)
        for entry in fields(self):
            check_value(entry.name, getattr(self, entry.name), str(entry.type), entry.metadata)

    def to_dict(self) -> dict[str, Any]:
        """Every setting by name, ready for JSON."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """The plan in ``values``, which may come from a stranger: unknown names and wrong types are refused.

        Raises:
            UsageError: an unknown setting, a wrong type, or a value outside its range.
        """
        known = [entry.name for entry in fields(cls)]
        # By name first: the error of a dataclass for an unknown keyword names neither file nor nearest setting.
        for name in values:
            if name not in known:
                raise UnknownNameError("setting", str(name)[:40], known)
        return cls(**values)
