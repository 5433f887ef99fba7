"""Under which protocol predictions were made, and how the names of metrics and figures say so.

Nothing stands before the metrics of speaker-independent predictions; those of an easier protocol have another name, so
that `dvc metrics diff` shows another metric and not a better one.
"""

from __future__ import annotations

import pandas as pd

from voxdag.core.errors import Refused

INDEPENDENT = "speaker_independent"
LEAKY = "leaky"  # speakers of eval were heard in training
TRANSDUCTIVE = "transductive"  # unlabelled audio of eval's speakers was used
PREFIXES = {  # of the names of metrics
    INDEPENDENT: "",
    LEAKY: "leaky_",
    TRANSDUCTIVE: "transductive_",
    f"{LEAKY}_{TRANSDUCTIVE}": "leaky_transductive_",
}
NOTES = {  # in figures
    INDEPENDENT: "",
    LEAKY: "leaky",
    TRANSDUCTIVE: "transductive",
    f"{LEAKY}_{TRANSDUCTIVE}": "leaky transductive",
}


def named(leaky: bool, transductive: bool) -> str:
    """The protocol: what makes a figure easier than that of unseen speakers."""
    return "_".join([LEAKY] * leaky + [TRANSDUCTIVE] * transductive) or INDEPENDENT


def of(*predictions: pd.DataFrame) -> str:
    """The protocol of all rows of all tables; a table without the column `protocol` is speaker-independent.

    Raises Refused if it is unknown or there is more than one.
    """
    columns = [table.get("protocol", [INDEPENDENT]) for table in predictions]
    found = sorted({str(name) for column in columns for name in column})
    if len(found) != 1 or found[0] not in PREFIXES:
        raise Refused(f"protocol is {' and '.join(found)}: expected one of {', '.join(PREFIXES)} in all rows")
    return found[0]


def prefix(*predictions: pd.DataFrame) -> str:
    """What stands before the names of metrics of these predictions. Raises Refused as `of` does."""
    return PREFIXES[of(*predictions)]
