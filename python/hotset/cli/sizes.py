"""Sizes of caches, as they are asked for: a number of entries, or a share of the keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

USUAL = ("0.1%", "1%", "10%", "25%")
"""The sizes of who names none, as far as they have enough entries."""

ENOUGH_ENTRIES = 100
"""Entries below which a hit ratio says little."""

MOST_ENTRIES = 2**62
"""The largest bound of a cache."""

LONGEST = 40
"""Characters of a number."""

USUAL_OF_FEW_KEYS = ("1%", "10%", "25%", "50%")
"""The sizes where less than two of the usual ones have enough entries."""


@dataclass(frozen=True, slots=True)
class Size:
    """A size that was asked for."""

    label: str
    """As it is printed."""
    entries: int | None = None
    share: Fraction | None = None
    """Of the distinct keys, if it is no number of entries."""

    def of(self, distinct: int) -> int:
        """The entries of a cache for so many distinct keys: the nearest number, and at least one."""
        if self.entries is not None:
            return self.entries
        return max(1, round(distinct * (self.share or 0)))


@dataclass(frozen=True, slots=True)
class Sized:
    """A size, and what it is for a trace."""

    label: str
    entries: int


def parse(text: str) -> Size:
    """The size that a text says.

    Raises:
        ValueError: it says none; with the reason.
    """
    number = text.removesuffix("%")
    try:
        if len(number) > LONGEST or "e" in number.lower():
            raise ValueError
        value = Fraction(number.replace(",", "").replace("_", "").strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f"{text!r} is no size: write a number of entries, as 1000, or a share of the keys, as 1%"
        ) from None
    if value <= 0:
        raise ValueError(f"{text!r} is no size: a cache has at least one entry")
    if number != text:
        if value > 100:
            raise ValueError(f"{text!r} is more than all keys: write at most 100%")
        return Size(f"{float(value):g}%", share=value / 100)
    if value > MOST_ENTRIES:
        raise ValueError(f"{text!r} is more than any cache holds: write at most {MOST_ENTRIES:,}")
    if value.denominator != 1:
        raise ValueError(f"{text!r} is no size: entries are counted in whole numbers")
    return Size(f"{int(value):,}", entries=int(value))


def sized(sizes: Sequence[Size], distinct: int) -> list[Sized]:
    """The sizes for a trace, ascending, each number of entries once; those that are usual if none were asked for."""
    chosen = sizes or _usual(distinct)
    labels: dict[int, str] = {}
    for size in chosen:
        labels.setdefault(size.of(distinct), size.label)
    return [Sized(labels[entries], entries) for entries in sorted(labels)]


def _usual(distinct: int) -> list[Size]:
    enough = [size for size in map(parse, USUAL) if distinct * (size.share or 0) >= ENOUGH_ENTRIES]
    return enough if len(enough) > 1 else list(map(parse, USUAL_OF_FEW_KEYS))
