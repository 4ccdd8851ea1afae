"""The built-in presets: named sets of settings, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A named set of settings.

    Attributes:
        summary: What its pictures look like, in one line.
        source: Where the settings come from.
        settings: Values by the names of ``Plan``; the others have their defaults.
        visualizes: Whether it is for pictures from noise (``deepdream visualize``).
    """

    name: str
    summary: str
    source: str
    settings: Mapping[str, Any]
    visualizes: bool = False


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
            visualizes=True,
        ),
        Preset(
            "maco",
            "feature visualization of deep layers: only the phases of the spectrum move, and crops are seen",
            "Fel et al. 2023, arXiv:2306.06805; ours: Adam for NAdam, and 4 larger crops for their 32",
            {
                **_ADAM, "parameterization": "maco", "steps": 256, "rate": 0.2, "jitter": 0,
                "transforms": "crops(4, 0.4, 0.9, 160) + noise(0.04)",
            },
            visualizes=True,
        ),
        Preset(
            "pixels",
            "feature visualization with nothing in the way: the pixels themselves, for comparison",
            "Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill; lucid's render_vis of pixel_image",
            {
                # lucid's 0.05 is before a sigmoid, whose slope at gray is a quarter
                **_ADAM, "parameterization": "pixels", "steps": 256, "rate": 0.0125, "jitter": 8, "zoom": 0.1,
            },
            visualizes=True,
        ),
    )
}  # fmt: skip
