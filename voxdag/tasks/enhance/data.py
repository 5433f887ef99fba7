"""What a manifest of the enhancement task must hold: of each utterance a noisy file and the clean one in it.

What only the audio tells is found where it is decoded, by `features`: files of a pair that are not equally long, of one
rate and number of channels, a silent reference, samples that are not finite. Such a pair is quarantined.
"""

from __future__ import annotations

import logging

import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data import folds
from voxdag.tasks import labels

log = logging.getLogger(__name__)

TASK = "speech enhancement"  # in messages
COLUMNS = {  # noise: its type, as text; snr: dB; both missing where the corpus does not say
    **dict.fromkeys(("id", "path", "clean", "split", "speaker", "noise"), str),
    **{"snr": float, "clean_bytes": int},
}
TRACKS = {"noisy": "path", "clean": "clean"}


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All utterances of each split. Noise types of eval that train has too are logged.

    Raises Refused for a missing column, an SNR that is not finite, an id listed twice (in two splits: where there are
    no folds), an utterance whose noisy file is its clean one, or, where there are no folds, a clean file of two splits:
    under another noise it would still be learned by heart.
    """
    for split, utterances in splits.items():
        missing = [name for name in COLUMNS if name not in utterances]
        if missing:
            raise Refused(f"the manifest lacks {', '.join(missing)} in {split}; {TASK} needs {', '.join(COLUMNS)}")
        labels.refuse_repeated(utterances["id"], f"in {split}")
        _check_pairs(utterances, split)
    if not any(folds.COLUMN in utterances for utterances in splits.values()):
        every = pd.concat(splits.values())
        labels.refuse_repeated(every["id"], "over all splits")
        _check_leak(every)
    _log_shared_noises(splits)
    return splits


def _check_pairs(utterances: pd.DataFrame, split: str) -> None:
    same = utterances[utterances["path"] == utterances["clean"]]
    if len(same):
        raise Refused(
            f"{len(same)} utterances of {split} have one file as noisy and clean, such as {same['path'].iloc[0]}"
        )
    endless = utterances[utterances["snr"].abs() == float("inf")]
    if len(endless):
        row = endless.iloc[0]
        raise Refused(
            f"utterance {row['id']} of {split} has an SNR of {row['snr']} dB, expected a finite number, or none"
        )


def _check_leak(every: pd.DataFrame) -> None:
    """Raises Refused where two splits share a clean file."""
    homes = every.groupby("clean")["split"].unique()
    shared = homes[homes.map(len) > 1]
    if len(shared):
        raise Refused(
            f"{len(shared)} clean files are in two splits, such as {shared.index[0]} in {' and '.join(shared.iloc[0])}"
        )


def _log_shared_noises(splits: dict[str, pd.DataFrame]) -> None:
    heard, held = (set(splits[split]["noise"].dropna()) for split in ("train", "eval"))
    if heard & held:
        log.info(
            "eval: %d of %d types of noise are in train too: %s", len(heard & held), len(held), _listed(heard & held)
        )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
