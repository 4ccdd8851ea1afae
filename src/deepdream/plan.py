"""Every setting of a dream: its name, default, range, unit and help, in one place, without torch.

Command-line options, library defaults, ``--dry-run``, the recipe inside a picture and sweeps all read ``Plan``,
so that no default is ever typed twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from deepdream.errors import UnknownNameError, UsageError


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that knows its range and how to explain itself."""
    meta = {"help": help, "low": low, "high": high, "unit": unit, "choices": choices}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Plan:
    """Every resolved setting of a dream. Immutable; checked when made.

    Raises:
        UsageError: a wrong type, or a value outside its range, named with the range.
    """

    objective: str = setting(
        "", "what to climb, as text: layer(blocks.4) + 0.5*layer(blocks.3); ';' between those of a batch"
    )
    preset: str = setting("balanced", "a named set of settings")
    octaves: int = setting(5, "how many sizes to dream at, from small to full", low=1, high=20)
    octave_scale: float = setting(1.4, "ratio of one octave's size to the one before", low=1.01, high=4.0)
    steps: int = setting(14, "gradient steps in each octave", low=1, high=10_000)
    rate: float = setting(0.02, "size of a step (a typical change of a mid-gray pixel)", low=1e-6, high=10.0)
    jitter: int = setting(
        32, "largest random roll of the picture before each gradient", low=0, high=512, unit="pixels"
    )
    strength: float | None = setting(
        0.09,
        "target root-mean-square change of the picture (0 to 1); the rate decides where none",
        low=0.0,
        high=1.0,
    )
    seed: int = setting(0, "seed of every random choice", low=0, high=2**63 - 1)
    parameterization: str = setting(
        "logit",
        "what is changed: numbers that stand for the picture (cppn and maco start from noise only)",
        choices=("pixels", "logit", "colors", "fourier", "laplacian", "shared", "cppn", "maco"),
    )
    decorrelated: bool = setting(
        True,
        "colors on the axes of photographs' colors, or plain red, green, blue (pixels and logit are always plain)",
    )
    magnitudes: str = setting(
        "", "of the frequencies of photographs, for maco, as `visualize --magnitudes` measures them"
    )
    alpha: bool = setting(False, "a picture from noise with transparent ground")
    alpha_weight: float = setting(
        0.6, "how strongly a transparent picture's opacity is held down", low=0.0, high=10.0
    )
    optimizer: str = setting("ascent", "how a gradient becomes a step", choices=("ascent", "adam"))
    smoothing: str = setting(
        "cascade", "how the gradient is smoothed", choices=("none", "gaussian", "cascade", "laplacian")
    )
    blur: float = setting(1.2, "smallest width of the smoothing Gaussians", low=0.1, high=2.5, unit="pixels")
    color: float = setting(0.55, "share of the color-decorrelated gradient", low=0.0, high=1.0)
    normalization: str = setting(
        "std", "what the gradient is divided by", choices=("mean-abs", "std", "none")
    )
    conditioning: str = setting(
        "",
        "what becomes of the gradient, in place of smoothing, blur, color, calm and normalization: "
        "per_layer() + cascade(1.2) + photo_colors(0.55) + calm(0.8) + unit(std)",
    )
    reduction: str = setting(
        "mean", "how a layer's squared activations become a score", choices=("mean", "half-sum")
    )
    detail: bool = setting(True, "carry only the dreamed detail to the next octave, onto the sharp original")
    calm: float = setting(0.8, "how much less is dreamed where the picture is flat", low=0.0, high=1.0)
    tile: int = setting(
        0,
        "side of the tiles large pictures are cut into, without what they see beyond; 0 decides by itself",
        low=0,
        high=65536,
        unit="pixels",
    )
    tile_fitted: bool = setting(
        False, "the tile was chosen by the memory that was free, and is halved where that runs out"
    )
    tile_halo: str = setting(
        "near",
        "how far a tile looks beyond its core: 64 pixels, or the receptive field",
        choices=("near", "exact"),
    )
    resampling: str = setting(
        "bicubic", "how pictures change size; linear as in the first notebook", choices=("bicubic", "linear")
    )
    zoom: float = setting(
        0.0, "largest random change of scale before each gradient, as a share", low=0.0, high=0.5
    )
    transforms: str = setting(
        "",
        "further random changes before each gradient: pad(12) + jitter(8) + scale(0.9, 1.1) + rotate(-10, 10)",
    )
    start: str = setting(
        "picture",
        "where the ascent starts: at the picture, or at faint seeded noise of its size",
        choices=("picture", "noise"),
    )
    pictures: int = setting(1, "how many pictures climb each objective together", low=1, high=64)
    batch: int = setting(8, "largest number of pictures in one network pass", low=1, high=1024)

    precision: str = setting(
        "float32",
        "numbers inside of the network; lower ones are a draft of another picture",
        choices=("float32", "bfloat16", "float16"),
    )
    relu: str = setting(
        "true",
        "gradients of rectifiers: true, or redirected so that dead and saturated units can be lifted",
        choices=("true", "redirected"),
    )

    stop_at: str = setting(
        "", "distance from the input to stop at instead of a strength: ssim=0.6 (1 is the same), or l2=0.1"
    )
    keep: str = setting(
        "nothing",
        "what of the picture must not change: its luminance (a color dream wants less strength) or its color",
        choices=("nothing", "luminance", "color"),
    )
    blend: float = setting(
        1.0, "share of the dream in the result; the rest is the picture", low=0.0, high=1.0
    )
    mask: str = setting("", "a gray picture, by name and hash: white where the picture may change")
    mask_outside: bool = setting(False, "dream where the mask is black instead")
    feather: int = setting(0, "how softly the mask begins", low=0, high=1000, unit="pixels")

    def __post_init__(self) -> None:
        if isinstance(self.stop_at, str) and self.stop_at:
            parse_stop(self.stop_at)
        if isinstance(self.magnitudes, str) and self.magnitudes:
            parse_magnitudes(self.magnitudes)
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not _fits(value, str(entry.type)):
                raise UsageError(f"The setting {entry.name!r} takes {entry.type}, not {repr(value)[:40]}.")
            _check(entry.name, value, entry.metadata)

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
        for name in values:
            if name not in known:
                raise UnknownNameError("setting", str(name)[:40], known)
        return cls(**values)


def parse_stop(text: str) -> tuple[str, float]:
    """The measure and the value of a distance from the input.

    >>> parse_stop("ssim=0.6")
    ('ssim', 0.6)
    """
    name, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if name not in ("ssim", "l2") or not 0 <= value <= 1:
        raise UsageError(
            f"Cannot read the distance {text[:40]!r}. Use ssim=0.6 (1 is the same picture) or l2=0.1 "
            "(root mean square); values lie between 0 and 1."
        )
    return name, value


@dataclass(frozen=True)
class Magnitudes:
    """How much of each frequency photographs hold, for each of three colors.

    Attributes:
        exponents: The magnitude falls as frequency ** -exponent.
        deviations: How strongly each color varies, beside the others.
    """

    exponents: tuple[float, ...]
    deviations: tuple[float, ...]

    def __str__(self) -> str:
        return "; ".join(
            " ".join(f"{value:g}" for value in part) for part in (self.exponents, self.deviations)
        )


def parse_magnitudes(text: str) -> Magnitudes:
    """The magnitudes that ``text`` spells: three exponents, a semicolon, three deviations.

    >>> print(parse_magnitudes("1.26 1.27 1.04; 0.93 1.16 0.89"))
    1.26 1.27 1.04; 0.93 1.16 0.89
    """
    try:
        found = [tuple(float(word) for word in part.split()) for part in text.split(";")]
    except ValueError:
        found = []
    if [len(part) for part in found] != [3, 3] or not all(0 <= v <= 10 for part in found for v in part):
        raise UsageError(
            f"Cannot read the magnitudes {text[:60]!r}. Example: 1.26 1.27 1.04; 0.93 1.16 0.89 (exponents, "
            "deviations, 0 to 10). `deepdream visualize --magnitudes PICTURES` measures them."
        )
    return Magnitudes(*found)


def _check(name: str, value: Any, meta: Mapping[str, Any]) -> None:
    if meta["choices"] and value not in meta["choices"]:
        raise UnknownNameError(name, str(value)[:40], meta["choices"])
    if value is None or isinstance(value, (str, bool)):
        return
    low, high = meta["low"], meta["high"]
    if not low <= value <= high:  # NaN lies nowhere; an int may be too large for a float
        raise UsageError(f"{name} must lie between {low:g} and {high:g}, not {str(value)[:20]}.")


def _fits(value: Any, annotation: str) -> bool:
    allowed: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "str": (str,),
        "bool": (bool,),
    }
    if value is None:
        return annotation.endswith("| None")
    kinds = allowed[annotation.removesuffix(" | None")]
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


#: Settings that a conditioning of one's own takes the place of.
CONDITIONING = ("smoothing", "blur", "color", "calm", "normalization")


@dataclass(frozen=True)
class Preset:
    """A named set of settings, where it comes from, and what it looks like."""

    name: str
    summary: str
    source: str
    settings: Mapping[str, Any]


#: What the presets of feature visualization have in common: one size, Adam, the gradient as it is.
_ADAM: Mapping[str, Any] = {
    "octaves": 1, "strength": None, "optimizer": "adam", "smoothing": "none", "color": 0.0, "normalization": "none",
    "reduction": "mean", "calm": 0.0,
}  # fmt: skip

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "balanced",
            "the default: crisp eyes and fur in the photo's own palette, no hiss, no burnt sky",
            "this project; docs/presets.md shows how it was chosen",
            {},
        ),
        Preset(
            "classic",
            "Google's first notebook exactly: raw gradient, jitter, clipped pixels",
            "Mordvintsev, Olah, Tyka 2015, google/deepdream dream.ipynb",
            {
                "octaves": 4, "octave_scale": 1.4, "steps": 10, "rate": 1.5 / 255, "jitter": 32, "strength": None,
                "parameterization": "pixels", "smoothing": "none", "color": 0.0, "normalization": "mean-abs",
                "reduction": "half-sum",
                "resampling": "linear", "calm": 0.0,
            },
        ),
        Preset(
            "lapnorm",
            "softer, larger forms: the gradient's frequency bands made equally strong",
            "Mordvintsev 2015, TensorFlow DeepDream notebook (tensorflow/examples/tutorials/deepdream)",
            {
                "octaves": 3, "octave_scale": 1.4, "steps": 10, "rate": 1.0 / 255, "jitter": 256, "strength": None,
                "parameterization": "pixels", "smoothing": "laplacian", "color": 0.0, "normalization": "none",
                "reduction": "mean", "calm": 0.0,
            },
        ),
        Preset(
            "smooth",
            "clean lines: the gradient blurred by three Gaussians that widen over each octave",
            "Gordic 2020, gordicaleksa/pytorch-deepdream (CascadeGaussianSmoothing)",
            {
                "octaves": 4, "octave_scale": 1.8, "steps": 10, "rate": 0.09 * 0.225, "jitter": 32,
                "strength": None, "parameterization": "pixels", "smoothing": "cascade", "blur": 0.5, "color": 0.0,
                "normalization": "std", "reduction": "mean", "detail": False, "calm": 0.0,
            },
        ),
        Preset(
            "natural",
            "the gentlest: the spectrum of the photo is changed, in decorrelated colors",
            "Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill; started from the photo",
            {
                **_ADAM, "parameterization": "fourier", "steps": 40, "rate": 0.03, "jitter": 16, "zoom": 0.2,
            },
        ),
        Preset(
            "lucid",
            "feature visualization: the spectrum in decorrelated colors, seen through many small changes",
            "Olah, Mordvintsev, Schubert 2017, Distill, and lucid's render_vis; ours: larger transforms, the cascade",
            {
                **_ADAM, "parameterization": "fourier", "steps": 192, "rate": 0.04, "jitter": 0,
                "transforms": "pad(16) + jitter(16) + scale(0.8, 1.2) + rotate(-15, 15) + jitter(8)",
                "smoothing": "cascade",
            },
        ),
        Preset(
            "maco",
            "feature visualization of deep layers: only the phases of the spectrum move, and crops are seen",
            "Fel et al. 2023, arXiv:2306.06805; ours: Adam for NAdam, and 4 larger crops for their 32",
            {
                **_ADAM, "parameterization": "maco", "steps": 256, "rate": 0.2, "jitter": 0,
                "transforms": "crops(4, 0.4, 0.9, 160) + noise(0.04)",
            },
        ),
        Preset(
            "pixels",
            "feature visualization with nothing in the way: the pixels themselves, for comparison",
            "Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill; lucid's render_vis of pixel_image",
            {
                # lucid's 0.05 is before a sigmoid, whose slope at gray is a quarter
                **_ADAM, "parameterization": "pixels", "steps": 256, "rate": 0.0125, "jitter": 8, "zoom": 0.1,
            },
        ),
    )
}  # fmt: skip


def plan_for(preset: str = "balanced", **overrides: Any) -> Plan:
    """The settings of ``preset`` with ``overrides`` (those that are not None) laid over them.

    A conditioning takes the place of the settings of the preset in ``CONDITIONING``. A rate of one's own without a
    strength lets the rate decide how strong the dream becomes; a distance to stop at takes the strength's place.

    Raises:
        UnknownNameError: no such preset or setting.
        UsageError: a value outside its range, or settings that exclude each other.
    """
    if preset not in PRESETS:
        raise UnknownNameError("preset", preset, PRESETS)
    given = {name: value for name, value in overrides.items() if value is not None}
    known = [entry.name for entry in fields(Plan)]
    for name in given:
        if name not in known:
            raise UnknownNameError("setting", name, known)
    instead = [name for name in CONDITIONING if name in given]
    if given.get("conditioning") and instead:
        raise UsageError(f"Give a conditioning or {', '.join(instead)}, not both.")
    settings = {"preset": preset, **PRESETS[preset].settings, **given}
    if "stop_at" in given and "strength" in given:
        raise UsageError("Give a strength or a distance to stop at, not both.")
    if ("rate" in given or "stop_at" in given) and "strength" not in given:
        settings["strength"] = None
    return replace(Plan(), **settings)
