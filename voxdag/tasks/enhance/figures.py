"""The figures of an enhancer: metrics along the SNR, noises, speakers, training, and an example to look at.

A metric that was optimised is drawn of no system alone; beside others its bar says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from voxdag.data.shards import Shards
from voxdag.figures import along, groups, members, spectrograms
from voxdag.figures import comparison as systems
from voxdag.figures.history import Quantity, draw_history
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot
from voxdag.scoring import protocol as protocols
from voxdag.tasks.enhance import metrics

KINDS = {  # in the order in which they are preferred
    "estoi": Metric("estoi", "ESTOI", "", worst="lowest"),
    "si_sdr": Metric("si_sdr", "SI-SDR", "dB", worst="lowest"),
    "dnsmos_ovrl": Metric("dnsmos_ovrl", "DNSMOS, overall", "", worst="lowest"),
    "pesq": Metric("pesq", "PESQ, wide band", "", worst="lowest"),
    "stoi": Metric("stoi", "STOI", "", worst="lowest"),
    "ssnr": Metric("ssnr", "Segmental SNR", "dB", worst="lowest"),
    "covl": Metric("covl", "COVL", "", worst="lowest"),
    "distillmos": Metric("distillmos", "DistillMOS", "", worst="lowest"),
    "speaker_similarity": Metric("speaker_similarity", "Speaker similarity", "", worst="lowest"),
}
OF_BASELINES = ("snr",)  # figures that baselines have beside systems
ALONG = 4  # metrics that are drawn along the SNR
SNR = "SNR of the noisy speech (dB)"
OPTIMISED = "optimised"  # behind the name of a system
CRITERIA = {
    "dev_loss": Quantity("Dev loss", best="min"),
    "dev_pesq": Quantity("Dev PESQ", best="max"),
    "dev_stoi": Quantity("Dev STOI", best="max"),
    "dev_composite": Quantity("Dev composite", best="max"),
}


def figures(
    dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Plot]:
    """Draw every figure of one system, by name: where `breakdown` groups by them snr, noises and speakers, and after
    training history.

    `predictions` (the eval split) is as `metrics` says, `breakdown` what `report.breakdown` gives. Every table has a
    column protocol. Of `dev` nothing is drawn.

    Raises Refused if a table lacks a column, and as `protocol.of` and `metrics.optimised` do.
    """
    protocol = protocols.of(predictions)
    note = protocols.NOTES[protocol]
    shown = [replace(kind, note=note) for kind in not_optimised(predictions)]
    plots = {}
    if (breakdown["column"] == "snr").any():
        plots["snr"] = along.draw(along.table(breakdown, "snr", shown[:ALONG]), shown[:ALONG], SNR)
    for column in ("noise", "speaker"):
        if (breakdown["column"] == column).sum() > 1:
            plots[f"{column}s"] = groups.draw_groups(breakdown, column, shown[0], overall(predictions, shown[0]))
    if len(history):  # weights that were taken as they are have none
        plots["history"] = draw_history(history, CRITERIA, note)
    return {name: replace(plot, table=plot.table.assign(protocol=protocol)) for name, plot in plots.items()}


def examples(recordings: Shards, enhanced: Shards) -> dict[str, Plot]:
    """Draw the recording of eval with the lowest SNR, noisy, enhanced and clean, by name: spectrograms."""
    about = recordings.about
    ratio = about["snr"].fillna(np.inf) if "snr" in about else pd.Series(0.0, about.index)
    i = int(ratio.argmin())
    waves = {"noisy": recordings.track("noisy"), "enhanced": enhanced.track("wave"), "clean": recordings.track("clean")}
    row = about.iloc[i]
    said = [f"{row['noise']}" if "noise" in about and pd.notna(row["noise"]) else "", _decibel(ratio.iloc[i], about)]
    words = ", ".join(filter(None, [row["id"], *said]))
    rate = int(waves["noisy"].track.rate)  # type: ignore[arg-type]
    return {"spectrograms": spectrograms.draw({name: track.wave(i) for name, track in waves.items()}, rate, words)}


def comparison(tables: Mapping[str, pd.DataFrame], intervals: pd.DataFrame) -> dict[str, Plot]:
    """Draw the systems of the task beside one another, by name: each of KINDS that one has, and where `tables` has snr,
    the same.

    `tables` are those of `figures` by their names, of all systems below one another with a column system. `intervals`
    holds one metric of a system or baseline a row: system, metric (its prefixes say what was optimised and the
    protocol), value, low, high.

    Raises Refused if a table lacks a column, or as `comparison.headline` does.
    """
    told = with_notes(intervals)
    defined = set(told.loc[told["value"].notna(), "metric"])
    there = [name for name in KINDS if defined & {f"{prefix}{name}" for prefix in protocols.PREFIXES.values()}]
    plots = {name: systems.headline(told, KINDS[name]) for name in there}
    if "snr" in tables:
        plots["snr"] = along.draw(tables["snr"], list(KINDS.values()), SNR)
    return plots


def with_notes(intervals: pd.DataFrame) -> pd.DataFrame:
    """The intervals with optimised metrics under their own names, and behind the name of the system what they are, and
    how many values they lack."""
    plain = intervals["metric"].str.replace(metrics.PREFIX, "", regex=False)
    changed = plain != intervals["metric"]
    lacking = intervals["undefined"] if "undefined" in intervals else pd.Series(0, intervals.index)
    notes = [
        ", ".join([*[OPTIMISED] * is_changed, *[f"{count} undefined"] * bool(count)])
        for is_changed, count in zip(changed, lacking, strict=True)
    ]
    return intervals.assign(metric=plain, system=systems.with_notes(intervals["system"], notes))


def not_optimised(predictions: pd.DataFrame) -> list[Metric]:
    """Those of KINDS that were not optimised and that an utterance defines."""
    reached = metrics.optimised(predictions)
    return [kind for name, kind in KINDS.items() if name not in reached and predictions[name].notna().any()]


def overall(predictions: pd.DataFrame, metric: Metric) -> groups.Overall:
    """The metric of all utterances: that of the only member, or the mean over members."""
    values = [rows[metric.column].mean() for rows in members.split(predictions).values()]
    return groups.Overall(float(np.nanmean(values)), members.over_members(len(values)) or "all utterances")


def _decibel(ratio: float, about: pd.DataFrame) -> str:
    return f"{ratio:g} dB" if "snr" in about and np.isfinite(ratio) else ""
