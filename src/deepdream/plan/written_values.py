"""Settings that are several numbers in one text: the distance to stop at, and the magnitudes of photographs."""

from __future__ import annotations

from dataclasses import dataclass

from deepdream.errors import UsageError


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
    # The comparison is false for NaN, which float() reads.
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
        parts = [tuple(float(word) for word in part.split()) for part in text.split(";")]
    except ValueError:
        parts = []
    if [len(part) for part in parts] != [3, 3] or not all(0 <= v <= 10 for part in parts for v in part):
        raise UsageError(
            f"Cannot read the magnitudes {text[:60]!r}. Example: 1.26 1.27 1.04; 0.93 1.16 0.89 (exponents, "
            "deviations, 0 to 10). `deepdream visualize --magnitudes PICTURES` measures them."
        )
    return Magnitudes(*parts)
