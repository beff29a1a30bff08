"""Quantiles of times within a stated error, from counts that can be added up over any range.

The bins are those of DDSketch (Masson, Rim, Lee: DDSketch, VLDB 2019): each is as wide as its values are great, so
that the value of a quantile is off by at most `ACCURACY` of itself.
"""

import math
from collections.abc import Mapping

ACCURACY = 0.01
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = math.log(_GAMMA)
_ZERO = -1
"""The bin of times under a millisecond."""


def bin_of(milliseconds: int) -> int:
    return math.ceil(math.log(milliseconds) / _LOG_GAMMA) if milliseconds > 0 else _ZERO


def quantile(counts: Mapping[int, int], fraction: float) -> float | None:
    """Return the nearest-rank quantile in milliseconds, None when nothing was counted."""
    rank = max(math.ceil(fraction * sum(counts.values())), 1)
    for number, count in sorted(counts.items()):
        rank -= count
        if rank <= 0:
            return 0.0 if number == _ZERO else 2 * _GAMMA**number / (_GAMMA + 1)
    return None
