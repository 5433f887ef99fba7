"""What is drawn of an enhancer, and of several beside one another."""

import numpy as np
import pandas as pd
import pytest

from tests.tasks.enhance.test_metrics import SCORING, splits
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.shards import Shards, Track, wave_at
from voxdag.tasks.enhance import figures, report

HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "lr": [1e-3, 5e-4], "train_loss": [0.2, 0.1], "train_adversarial": [0.0, 0.3]}
    | {"dev_loss": [0.2, 0.15], "dev_pesq": [1.5, 1.7], "dev_stoi": [0.8, 0.79]}
)


def drawn(history=HISTORY, **options):
    given = splits(**options)
    breakdown = report.breakdown(given, {}, SCORING, 1)
    return figures.figures(given["dev"], given["eval"], breakdown, history)


def intervals(**systems):
    tables = [report.intervals(given, {}, SCORING, 1).assign(system=name) for name, given in systems.items()]
    rows = pd.concat(tables, ignore_index=True)
    return rows[rows["resampled_by"] == "speaker"]


def test_a_system_has_its_metrics_along_the_snr_its_noises_speakers_and_history():
    plots = drawn()
    assert set(plots) == {"snr", "noises", "speakers", "history"}
    along = plots["snr"].table
    assert list(dict.fromkeys(along["metric"])) == ["estoi", "si_sdr", "dnsmos_ovrl", "pesq"]
    assert along["group"].tolist() == [0, 2.5] * 4
    # estoi is 3 + i / 10 of utterance i: of the even ones 3.2, of the odd ones 3.3
    assert along.loc[along["metric"] == "estoi", "rate"].tolist() == pytest.approx([3.2, 3.3])
    assert plots["noises"].table["group"].tolist() == ["bus", "cafe"]  # the worst first
    assert plots["noises"].table["overall"].iloc[0] == pytest.approx(3.25)
    titles = {panel.get_title(loc="left") for panel in plots["history"].figure.axes}
    assert {"Training loss", "Training loss, adversarial", "Dev PESQ", "Dev STOI", "Dev loss"} <= titles
    assert {name: plot.of for name, plot in plots.items() if plot.of != "eval"} == {"history": "train and dev"}


def test_what_was_optimised_is_not_drawn_of_a_system_alone():
    plots = drawn(optimised="estoi pesq")
    assert list(dict.fromkeys(plots["snr"].table["metric"])) == ["si_sdr", "dnsmos_ovrl", "ssnr", "distillmos"]
    assert plots["speakers"].table["overall"].iloc[0] == pytest.approx(10.25)  # si_sdr


def test_an_easier_protocol_is_said_everywhere():
    plots = drawn(protocol="leaky")
    assert all((plot.table["protocol"] == "leaky").all() for plot in plots.values())
    assert "ESTOI, leaky" in [panel.get_title(loc="left") for panel in plots["snr"].figure.axes]


def test_without_training_there_is_no_history():
    assert "history" not in drawn(history=HISTORY[:0])


def test_systems_stand_beside_one_another_and_say_what_was_optimised():
    rows = intervals(noisy=splits(), bsrnn=splits(optimised="pesq", shift=1.0))
    tables = {"snr": pd.concat([drawn()["snr"].table.assign(system=name) for name in ("noisy", "bsrnn")])}
    plots = figures.comparison(tables, rows)
    assert plots["pesq"].table["system"].tolist() == ["noisy", "bsrnn (optimised)"]
    assert plots["estoi"].table["system"].tolist() == ["noisy", "bsrnn"]
    assert plots["estoi"].table["value"].tolist() == pytest.approx([3.25, 4.25])
    assert [line.get_label() for line in plots["snr"].figure.axes[0].get_lines()] == ["noisy", "bsrnn"]


def test_a_metric_that_nobody_has_is_not_drawn():
    silent = {split: table.assign(distillmos=np.nan, stoi=np.nan) for split, table in splits().items()}
    plots = figures.comparison({}, intervals(noisy=silent))
    assert "estoi" in plots and not {"distillmos", "stoi", "snr"} & set(plots)


def recordings(folder, **columns):
    """Two of half a second: noise, and tones of half its level."""
    tracks = {"noisy": Track("int16", (), 16000), "clean": Track("int16", (), 16000)}
    rng = np.random.default_rng(1)
    rows = []
    for i in range(2):
        noisy = rng.integers(-3277, 3277, size=8000).astype(np.int16)
        row = {"id": f"u{i}", "speaker": "s"} | {name: values[i] for name, values in columns.items()}
        rows.append((row, {"noisy": noisy, "clean": noisy // 2}))
    shards.write(folder / "recordings", rows, tracks, 1)
    made = [(row, {"wave": arrays["clean"] // 2}) for row, arrays in rows]
    shards.write(folder / "enhanced", made, wave_at(16000), 1)
    return Shards(folder / "recordings"), Shards(folder / "enhanced")


def test_the_noisiest_recording_is_shown_as_it_was_made(tmp_path):
    plot = figures.examples(*recordings(tmp_path, snr=[5.0, -2.5], noise=["bus", None]))["spectrograms"]
    titles = [panel.get_title(loc="left") for panel in plot.figure.axes[:3]]
    assert titles == ["noisy", "enhanced", "clean"] and plot.figure.axes[0].get_title(loc="right") == "u1, -2.5 dB"
    mean = plot.table.groupby("track")["value"].mean()
    # uniform noise of peak 0.1: 20 lg(0.1 / sqrt(3)) = -24.8 dB; a half of it is 6.02 dB lower, a quarter 12.04
    assert mean["noisy"] == pytest.approx(-24.8, abs=0.3)
    assert mean["noisy"] - mean["clean"] == pytest.approx(6.02, abs=0.05)
    assert mean["clean"] - mean["enhanced"] == pytest.approx(6.02, abs=0.05)


def test_a_corpus_that_says_nothing_of_its_noise_has_an_example_too(tmp_path):
    plot = figures.examples(*recordings(tmp_path))["spectrograms"]
    assert plot.figure.axes[0].get_title(loc="right") == "u0"


def test_a_breakdown_that_lacks_a_metric_is_refused():
    given = splits()
    breakdown = report.breakdown(given, {}, SCORING, 1).drop(columns="estoi_low")
    with pytest.raises(Refused, match="estoi_low"):
        figures.figures(given["dev"], given["eval"], breakdown, HISTORY)
