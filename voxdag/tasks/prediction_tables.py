"""Tables of predictions: what is known of each recording, then what a network says of it.

Everything that the index says goes along, so that the breakdown can group by any column of a manifest.
"""

from __future__ import annotations

import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data import folds
from voxdag.scoring import protocol

FIRST = ("id", "speaker", "label")
PROTOCOL = "protocol"


def tabulate(about: pd.DataFrame, outputs: pd.DataFrame, transductive: bool = False) -> pd.DataFrame:
    """One row per recording: FIRST, the other columns of `about`, PROTOCOL, and the outputs.

    about         what the index says of the recordings (`Shards.about`)
    outputs       what is said of them, in the same order
    transductive  features were normalised with all of a speaker's recordings

    Raises Refused where a column of the manifest has the name of one that is added here.
    """
    taken = [name for name in (PROTOCOL, *outputs) if name in about]
    if taken:
        raise Refused(f"the manifest has columns {', '.join(taken)}, as predictions have: name them otherwise")
    first = [name for name in FIRST if name in about]
    leaky = any(name.startswith(folds.LEAKY) for name in folds.names(about))
    known = about[[*first, *(name for name in about if name not in first)]]
    marked = known.assign(**{PROTOCOL: protocol.named(leaky, transductive)})
    return pd.concat([marked.reset_index(drop=True), outputs.reset_index(drop=True)], axis=1)
