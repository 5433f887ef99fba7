"""What a report says of a task to a reader who does not know it: metrics in words, and figures that others published.

A task that has a module `explained` offers what `contract.Explained` says. No stage imports any of these: other words
change no result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

PERCENT = "%"
MINUS, NONE = "−", "–"


@dataclass(frozen=True)
class Measure:
    """A metric in words.

    name      as the field writes it
    meaning   one sentence, with the values that it may have
    unit      of its values as they are shown: "%" of fractions, which are shown in per cent; dB, bits; "" of none
    decimals  behind the point, as shown
    """

    name: str
    meaning: str
    unit: str = ""
    decimals: int = 3

    def text(self, value: float, signed: bool = False) -> str:
        """A value as it is shown, without the unit; a dash for one that is undefined (NaN)."""
        if not math.isfinite(value):
            return NONE
        shown = f"{100 * value if self.unit == PERCENT else value:{'+' if signed else ''}.{self.decimals}f}"
        zero = not any(digit in shown for digit in "123456789")
        return shown.lstrip("+-") if zero else shown.replace("-", MINUS)


@dataclass(frozen=True)
class Published:
    """What others reported on a corpus.

    corpus   that it was measured on, by its name in params.yaml
    system   its name there
    values   metric (by our name) -> value, in our unit: rates are fractions
    source   where it stands: paper, program or table
    differs  how it was come by otherwise than figures of this pipeline are; "" where nothing is known
    """

    corpus: str
    system: str
    values: Mapping[str, float]
    source: str
    differs: str = ""
