"""Windows over sorted columns: which rows count, and their totals, extremes, ranks.

Functions over arrays of 64-bit integers; types, NULLs and engines belong to `values.py` and
`windows.py`. Rows come in groups, one for each entity: `start` has the first row of each group and,
at the end, the number of rows. A window is a range of rows of one group, `lo` to `hi` (exclusive).
Costs grow with the number of rows and the logarithm of a group, not with the length of windows.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_HALF = 32
_LOW = np.int64(2**_HALF - 1)
_INT64 = np.iinfo(np.int64)


def groups_of(start: Ints) -> Ints:
    """The number of each row's group."""
    return np.repeat(np.arange(start.size - 1), np.diff(start))


def first_after(asking: Ints, bounds: Ints, start: Ints, times: Ints) -> Ints:
    """For each asking row, the first row of its group whose time is later than the row's bound.

    The end of the group if there is none.

    Args:
        asking: The groups of the asking rows, as many as in `start`.
        bounds: A time for each asking row.
        start: The groups of the rows.
        times: The time of each row, ascending within a group.
    """
    if not (times.size and bounds.size):
        return start[groups_of(asking)]
    least, greatest = int(bounds.min()), int(bounds.max())
    span, groups = greatest - least + 2, start.size - 1
    if span * groups > _INT64.max:
        if groups == 1:
            return np.searchsorted(times, bounds, side="right")
        half = groups // 2
        row, position = asking[half], start[half]
        return np.concatenate(
            [
                first_after(asking[: half + 1], bounds[:row], start[: half + 1], times[:position]),
                position
                + first_after(
                    asking[half:] - row, bounds[row:], start[half:] - position, times[position:]
                ),
            ]
        )
    # one ascending number for group and time
    keys = np.clip(times, least, min(greatest + 1, _INT64.max)) - least
    keys += groups_of(start) * span
    return np.searchsorted(keys, groups_of(asking) * span + (bounds - least), side="right")


def greatest_in(lo: Ints, hi: Ints, values: Ints) -> Ints:
    """The greatest value of each window; 0 for an empty one."""
    found = np.zeros(lo.size, np.int64)
    level = np.frexp(hi - lo)[1] - 1  # the power of two that fits; -1 for an empty window
    table, width = values, 1  # the greatest of 1, 2, 4, ... consecutive values
    for power in range(int(level.max(initial=-1)) + 1):
        if power:
            table = np.maximum(table[:-width], table[width:])
            width *= 2
        chosen = np.flatnonzero(level == power)
        found[chosen] = np.maximum(table[lo[chosen]], table[hi[chosen] - width])
    return found


def greatest_of_ties(start: Ints, times: Ints, values: Ints) -> Ints:
    """For each row the greatest value among the rows of its group with the same time."""
    if not values.size:
        return values
    begins = np.append(True, times[1:] != times[:-1])
    begins[start[:-1][start[:-1] < begins.size]] = True
    first = np.flatnonzero(begins)
    return np.repeat(np.maximum.reduceat(values, first), np.diff(np.append(first, values.size)))


def totals(lo: Ints, hi: Ints, values: Ints, power: int) -> tuple[Ints, Ints]:
    """The exact sum of the values of each window, or of their squares (`power` 2).

    Returns:
        The upper and the lower half of 128 bits (two's complement), each as 64-bit integers.

    Raises:
        OverflowError: when a sum does not fit in 128 bits.
    """
    magnitude = max(int(values.max(initial=0)), -int(values.min(initial=0)))
    if magnitude**power * int((hi - lo).max(initial=0)) <= _INT64.max:
        # running sums may wrap, but differences modulo 2**64 are exact
        running = np.append(0, np.cumsum(values**power))
        low = running[hi] - running[lo]
        return low >> 63, low
    carry, halves = np.zeros(lo.size, np.int64), []
    for limb in _limbs(values) if power == 1 else _limbs_of_squares(values):
        running = np.append(0, np.cumsum(limb))
        carry = (carry >> _HALF) + (running[hi] - running[lo])
        halves.append(carry & _LOW)
    top = carry
    if np.any(top >= 2 ** (_HALF - 1)) or np.any(top < -(2 ** (_HALF - 1))):
        raise OverflowError("a sum does not fit in 128 bits")
    return (top << _HALF) | halves[2], (halves[1] << _HALF) | halves[0]


def _limbs(values: Ints) -> list[Ints]:
    """The values as four digits of 32 bits, the lowest first; the sign is in the second one."""
    zeros = np.zeros_like(values)
    return [values & _LOW, values >> _HALF, zeros, zeros]


def _limbs_of_squares(values: Ints) -> list[Ints]:
    """The squares as four digits, each below 2**34, so that sums of 2**29 of them fit."""
    unsigned = np.where(values < 0, ~values, values).astype(np.uint64) + (values < 0)
    low, half = np.uint64(_LOW), np.uint64(_HALF)
    a, b = unsigned >> half, unsigned & low
    aa, ab, bb = a * a, np.uint64(2) * a * b, b * b
    digits = [bb & low, (bb >> half) + (ab & low), (ab >> half) + (aa & low), aa >> half]
    return [digit.view(np.int64) for digit in digits]


def order_of_values(start: Ints, values: Ints) -> Ints:
    """The rows of each group in ascending order of their values, equal ones by position."""
    order: Ints = np.lexsort((values, groups_of(start)))
    return order


@dataclass(frozen=True)
class Ranks:
    """Answers questions about the order of the values of any window (a wavelet matrix).

    Claude and Navarro, "The wavelet matrix", SPIRE 2012.
    """

    bits: int
    zeros: tuple[npt.NDArray[np.int32], ...]
    """For each bit, from the highest, the number of digits with a zero before each position."""

    @classmethod
    def build(cls, digits: Ints) -> "Ranks":
        """For digits from zero up, whose order is that of the values."""
        bits = max(1, int(digits.max(initial=0)).bit_length())
        levels, narrow = [], digits.astype(np.int32)
        for bit in range(bits - 1, -1, -1):
            is_zero = (narrow >> bit) & 1 == 0
            zeros = np.zeros(narrow.size + 1, np.int32)
            np.cumsum(is_zero, out=zeros[1:])
            levels.append(zeros)
            narrow = np.concatenate([narrow[is_zero], narrow[~is_zero]])
        return cls(bits, tuple(levels))

    def smallest(self, lo: Ints, hi: Ints, rank: Ints) -> Ints:
        """The digit of each window that `rank` others precede (counted from zero)."""
        lo, hi, left = lo.astype(np.int32), hi.astype(np.int32), rank.astype(np.int32)
        found = np.zeros(lo.size, np.int32)
        for zeros in self.zeros:
            a, b = zeros.take(lo, mode="clip"), zeros.take(hi, mode="clip")
            is_one = left >= b - a
            left -= (b - a) * is_one
            found = (found << 1) | is_one
            lo = np.where(is_one, lo + (zeros[-1] - a), a)
            hi = np.where(is_one, hi + (zeros[-1] - b), b)
        return found.astype(np.int64)

    def count_below(self, lo: Ints, hi: Ints, bound: Ints) -> Ints:
        """How many digits of each window are smaller than its `bound`."""
        size = hi - lo
        lo, hi = lo.astype(np.int32), hi.astype(np.int32)
        below = np.zeros(lo.size, np.int64)
        for level, zeros in enumerate(self.zeros):
            a, b = zeros.take(lo, mode="clip"), zeros.take(hi, mode="clip")
            is_one = (bound >> (self.bits - 1 - level)) & 1 == 1
            below += (b - a) * is_one
            lo = np.where(is_one, lo + (zeros[-1] - a), a)
            hi = np.where(is_one, hi + (zeros[-1] - b), b)
        return np.where(bound >> self.bits > 0, size, below)


def ranks_of_values(start: Ints, order: Ints) -> Ranks:
    """Ranks of the values within their groups; `order` is that of `order_of_values`."""
    digits = np.empty(order.size, np.int64)
    digits[order] = np.arange(order.size) - start[:-1][groups_of(start)]
    return Ranks.build(digits)


def ranks_of_repetitions(start: Ints, values: Ints, order: Ints) -> Ranks:
    """Ranks of where, in its group, each value occurred before: 0 never, 1 in the first row."""
    group = groups_of(start)
    same = (values[order[1:]] == values[order[:-1]]) & (group[order[1:]] == group[order[:-1]])
    digits = np.zeros(values.size, np.int64)
    earlier = order[:-1][same]
    digits[order[1:][same]] = earlier - start[:-1][group[earlier]] + 1
    return Ranks.build(digits)


def quantile_ranks(sizes: Ints, share: Fraction) -> Ints:
    """For each size the rank, from zero, of the smallest value that a share is at or below."""
    distinct, inverse = np.unique(sizes, return_inverse=True)
    ranks = [
        max(0, -(-size * share.numerator // share.denominator) - 1) for size in distinct.tolist()
    ]
    return np.array(ranks, np.int64)[inverse]
