"""Outputs of an affect regression: crops, padding, standardisation, order, and what goes along."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from torch import nn

from voxdag.audio.decode import Decoding
from voxdag.core import artifacts, params
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.recordings import Features
from voxdag.networks import by_name
from voxdag.tasks import results
from voxdag.tasks.affect import inference
from voxdag.tasks.affect.inference import crops, feature_statistics, starts
from voxdag.tasks.scorer import Scorer

CPU = torch.device("cpu")


class Level(nn.Module):
    """Valence is the mean of a crop's features over its own frames, arousal how many frames it has."""

    TAKES = "features"

    def __init__(self, pair=False):
        super().__init__()
        self.pair = pair
        for name, value in inference.BUFFERS.items():
            self.register_buffer(name, value.clone())

    def forward(self, features, frames):
        assert features.shape[2] == frames.max()
        for one, count in zip(features, frames, strict=True):
            assert one[:, count:].eq(0).all() and one[:, :count].ne(0).any()
        outputs = torch.stack([features.mean(1).sum(1) / frames, frames.float()], 1)
        return (features[:, 0, :1], outputs) if self.pair else outputs


def test_a_network_starts_with_features_as_they_are():
    # (x - 0) / (2 * 1)
    network = by_name.build("tier1", "tier1_2d", {}, inference.OUTPUT_SIZE, inference.BUFFERS)
    assert list(network.state_dict())[:2] == ["feature_mean", "feature_sd"]
    assert (network.feature_mean.item(), network.feature_sd.item(), network.feature_sd.shape) == (0.0, 1.0, ())


def test_settings_are_those_of_params(scoring):
    tree = {"acoustic": vars(scoring().acoustic), "samples": 4800, "crops": 3, "batch_size": 5}
    assert params.bind(inference.Settings, tree, "systems.ast.inference") == scoring()
    with pytest.raises(Refused, match="systems.ast.inference.crops is 0, expected 1 to 100"):
        params.bind(inference.Settings, tree | {"crops": 0}, "systems.ast.inference")
    with pytest.raises(Refused, match="acoustic.cmvn is 'speaker', expected one of none, utterance, recording"):
        scoring(cmvn="speaker")


def test_crops_are_evenly_placed_over_the_whole_recording(scoring):
    assert starts(10_000, scoring(samples=4000, crops=3)) == [0, 3000, 6000]
    assert starts(10_000, scoring(samples=4000, crops=1)) == [3000]  # the middle
    assert starts(4001, scoring(samples=4000, crops=3)) == [0, 1]  # no more than differ
    for length in (4000, 3999, 1):
        assert starts(length, scoring(samples=4000, crops=3)) == [0]
    found = crops(np.arange(10_000, dtype=np.int16), scoring(samples=4000, crops=2))
    assert [(one[0], one[-1], len(one)) for one in found] == [(0, 3999, 4000), (6000, 9999, 4000)]
    assert len(crops(np.zeros(7, np.int16), scoring(samples=4000))[0]) == 7


def test_an_output_is_the_mean_over_the_crops(scoring):
    # three parts, of noise 20 dB apart: the mean log power of the whole is that of the three crops
    rng = np.random.default_rng(0)
    parts = [np.int16(rng.normal(size=8000) * level) for level in (30, 300, 3000)]
    whole, settings = np.concatenate(parts), scoring(samples=8000, crops=3)
    said = inference.outputs(Level(), [whole], settings, CPU)
    alone = inference.outputs(Level(), parts, settings, CPU)
    assert said["predicted_valence"][0] == pytest.approx(alone["predicted_valence"].mean(), abs=1e-5)
    step = np.log(100) / 2  # 20 dB in natural log power, halved
    np.testing.assert_allclose(np.diff(alone["predicted_valence"]), step, atol=0.05)


def test_a_file_is_heard_whole_in_as_many_crops_as_it_takes(scoring, tmp_path):
    rng = np.random.default_rng(0)
    parts = [np.int16(rng.normal(size=8000) * level) for level in (100, 300, 3000, 30)]
    soundfile.write(tmp_path / "a.wav", np.concatenate(parts), 16000)
    settings, features = scoring(samples=8000, crops=2), Features(Decoding(16000, 0.1, 1e-4, 0.01), None, 0.0, 1)
    (said,) = Scorer([Level()], inference, settings, features, CPU).said([tmp_path / "a.wav"])
    alone = inference.outputs(Level(), parts, settings, CPU)
    assert len(said.segments) == 4 and said.heard.used == 1
    assert said.pooled["predicted_valence"] == pytest.approx(alone["predicted_valence"].mean(), abs=1e-5)


def test_features_are_standardised_with_the_buffers_and_padding_stays_zero(scoring):
    network = Level()
    recordings = [np.int16(np.random.default_rng(0).normal(size=n) * 1000) for n in (4800, 1600)]
    plain = inference.outputs(network, recordings, scoring(), CPU)
    network.feature_mean.fill_(-3.0)
    network.feature_sd.fill_(2.0)
    again = inference.outputs(network, recordings, scoring(), CPU)
    # x / 2 before, (x + 3) / 4 now
    np.testing.assert_allclose(again["predicted_valence"], (2 * plain["predicted_valence"] + 3) / 4, rtol=1e-5)
    assert again["predicted_arousal"].tolist() == [31, 11]  # own frames: n // 160 + 1


def test_standardised_features_of_train_have_mean_0_and_deviation_one_half(packed, scoring):
    settings = scoring(batch_size=7)
    mean, sd = feature_statistics(inference.waves(packed["train"]), settings, CPU)
    network = Level()
    network.feature_mean.fill_(mean)
    network.feature_sd.fill_(sd)
    given, values = inference.Inputs(network, settings, CPU), []
    for recording in inference.waves(packed["train"]):
        for crop in crops(recording, settings):
            wave = torch.from_numpy(crop.copy())[None].float() / 32768
            values.append(given(wave, torch.tensor([len(crop)]))[0].flatten())
    values = torch.cat(values).double()
    assert values.mean().item() == pytest.approx(0, abs=1e-5)
    assert values.std(unbiased=False).item() == pytest.approx(0.5, abs=1e-5)


def test_silence_has_no_standard_deviation(scoring):
    with pytest.raises(Refused, match="the features of 2 recordings have the standard deviation 0: they are silent"):
        feature_statistics([np.zeros(4800, np.int16)] * 2, scoring(), CPU)


@pytest.mark.parametrize("pair", [False, True])
def test_outputs_depend_neither_on_the_batch_nor_on_the_order(packed, scoring, pair):
    recordings = list(packed["eval"].track("wave"))
    together = inference.score(Level(pair), recordings, scoring(), CPU)
    alone = np.concatenate([inference.score(Level(pair), [one], scoring(batch_size=1), CPU) for one in recordings])
    np.testing.assert_allclose(together, alone, atol=1e-4)  # float32 sums of some thousand values of about 5
    np.testing.assert_allclose(inference.score(Level(), recordings[::-1], scoring(), CPU)[::-1], together, atol=1e-4)


def test_predictions_are_in_the_indexs_order_with_all_that_it_says_and_come_back(packed, scoring, tmp_path):
    table = inference.predict(Level(), packed["eval"], scoring(), CPU, {})
    assert table["id"].tolist() == packed["eval"].index["id"].tolist()
    assert list(table)[:2] == ["id", "speaker"] and set(table["protocol"]) == {"speaker_independent"}
    assert list(table)[-4:] == ["predicted_valence", "predicted_arousal", "crops", "quadrant"]
    lengths = packed["eval"].track("wave").lengths
    assert table["crops"].tolist() == np.where(lengths > 4800, 3, 1).tolist()
    assert set(table["crops"]) == {1, 3}
    artifacts.write_table(tmp_path / "eval.csv", table.assign(seed=3))
    again = artifacts.read_table(tmp_path / "eval.csv", results.prediction_types("affect"))
    numbers = ["valence", "arousal", "valence_sd", "annotators", "predicted_valence", "crops"]
    np.testing.assert_allclose(again[numbers].to_numpy(float), table[numbers].to_numpy(float), atol=1e-6)
    assert again["quadrant"].tolist() == table["quadrant"].tolist()


def test_a_manifest_with_a_column_that_predictions_have_is_refused(pack, tmp_path, scoring):
    taken = pack(tmp_path, 2, quadrant=["I", "II"])
    with pytest.raises(Refused, match="the manifest has columns quadrant, as predictions have"):
        inference.predict(Level(), taken, scoring(), CPU, {})


def test_the_mean_of_networks():
    tables = [pd.DataFrame({"predicted_valence": [v, 0.0], "predicted_arousal": [0.5, v]}) for v in (0.2, 0.4)]
    mean = inference.average(tables)
    np.testing.assert_allclose(mean, [[0.3, 0.5], [0.0, 0.3]])
    assert list(mean) == list(inference.OUTPUTS)


class Broken(Level):
    def forward(self, features, frames):
        return super().forward(features, frames) * float("nan")


class Waves(Level):
    TAKES = "waves"


class Narrow(Level):
    def forward(self, features, frames):
        return super().forward(features, frames)[:, :1]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Broken(), "the outputs of 24 recordings are not finite, the first of utterance eval00"),
        (Waves(), "Waves takes waves; the affect task can give features"),
        (Narrow(), r"Narrow gives \(\d+, 1\) of \d+ recordings; expected logits \(B, 2\)"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_by_name(packed, scoring, network, message):
    with pytest.raises(Refused, match=message):
        inference.predict(network, packed["eval"], scoring(), CPU, {})


def test_recordings_at_another_rate_are_refused(tmp_path, scoring):
    rows = [({"id": "a", "valence": 0.0, "arousal": 0.0}, {"wave": np.ones(8000, np.int16)})]
    shards.write(tmp_path, rows, shards.wave_at(8000), 1)
    with pytest.raises(Refused, match="is at 8000 Hz, the affect task takes 16000 Hz"):
        inference.predict(Level(), shards.Shards(tmp_path), scoring(), CPU, {})
