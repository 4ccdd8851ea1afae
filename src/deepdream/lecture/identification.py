"""How many false matches a search in a gallery brings: a small rate times a large number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepdream.errors import UsageError

__all__ = ["IdentificationOdds", "identification_odds"]


@dataclass(frozen=True)
class IdentificationOdds:
    """The false matches of a search in a gallery.

    ``probability_of_any`` is the probability of at least one.
    """

    fmr: float
    gallery: int
    searches: int
    comparisons: int
    expected_false_matches: float
    probability_of_any: float


def identification_odds(fmr: float, gallery: int, *, searches: int = 1) -> IdentificationOdds:
    """False matches to expect when faces that are *not* in the gallery are searched in it (1 : N).

    ``expected = fmr * gallery * searches`` and ``P(at least one) = 1 - (1 - fmr)^(gallery * searches)``,
    with comparisons taken as independent, which real faces (relatives, groups) are not.

    Args:
        fmr: the false match rate of one comparison, in [0, 1].
        gallery: how many people are enrolled, N.
        searches: how many faces are searched.

    >>> identification_odds(1e-6, 49_000_000).expected_false_matches
    49.0
    """
    if not 0 <= fmr <= 1:
        raise UsageError(f"A false match rate lies between 0 and 1; got {fmr:g}.")
    if gallery < 1 or searches < 1:
        raise UsageError(f"Gallery and searches must be at least 1; got {gallery} and {searches}.")
    comparisons = gallery * searches
    # 1 - (1 - fmr)^n loses all digits for a small rate; expm1 and log1p keep them.
    probability = 1.0 if fmr == 1 else -math.expm1(comparisons * math.log1p(-fmr))
    expected = round(fmr * comparisons, 12)  # 49 million at one in a million is 49, not 48.99999999999999
    return IdentificationOdds(fmr, gallery, searches, comparisons, expected, probability)
