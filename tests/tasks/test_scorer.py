"""From a file to what is said of it: any network, segments of long files, the mean of members, files that fail."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from torch import nn

from voxdag.audio.decode import Decoding
from voxdag.audio.front_end import FrontEnd
from voxdag.core.errors import Refused
from voxdag.data.recordings import Features
from voxdag.tasks.scorer import Scorer
from voxdag.tasks.scoring_loop import NotFinite

RATE = 8000
FEATURES = Features(Decoding(RATE, min_seconds=0.1, min_peak=1e-4, max_clipped=0.01), None, 0.01, 256)
FRONT_END = FrontEnd(denoise="none", vad="none", max_seconds=0.5, min_seconds=0.1)
CPU = torch.device("cpu")


def outputs(network, recordings, settings, device):
    """`factor` times the middle sample; NaN is refused as the scoring loop does."""
    found = [network.factor * float(samples[len(samples) // 2]) for samples in recordings]
    settings.heard.append([len(samples) for samples in recordings])
    if 4321.0 in found:
        raise NotFinite("the outputs of 1 recordings are not finite")
    return pd.DataFrame({"score": found})


class Louder(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor


def mean(tables):
    return sum(tables) / len(tables)


def scorer(*factors, pool="mean", crops=True, features=FEATURES, samples=1000, say=outputs, decide=None):
    inference = SimpleNamespace(outputs=say, OUTPUTS=("score",), average=mean, CROPS=crops)
    settings = SimpleNamespace(batch_size=3, samples=samples, heard=[])
    return Scorer([Louder(factor) for factor in factors], inference, settings, features, CPU, pool, decide)


def write(path, samples):
    soundfile.write(path, np.asarray(samples, np.int16), RATE)
    return path


@pytest.fixture
def files(tmp_path):
    """Three recordings of 0.1 s at 1000, 2000 and 3000, a silent one, and no audio."""
    (tmp_path / "4.wav").write_text("no audio")
    levels = np.where(np.arange(800) < 8, 0, 1)  # not only a mean, which would be silence
    return [write(tmp_path / f"{i}.wav", levels * 1000 * i) for i in range(4)] + [tmp_path / "4.wav"]


@pytest.fixture
def long(tmp_path):
    """0.3125 s: 2500 samples, whose segments of 1000 begin at 0, 750, 1500 and have 500, 1250, 2000 in the middle."""
    return write(tmp_path / "long.wav", np.arange(2500))


def test_files_have_the_mean_of_the_members_in_their_order_or_say_why_not(files):
    said = list(scorer(1.0, 4.0).said(files))
    assert [one.path for one in said] == files
    assert [one.pooled and one.pooled["score"] for one in said] == [None, 2500, 5000, 7500, None]
    assert "silent" in said[0].error and said[4].error and not said[1].error
    assert (said[1].heard.seconds, said[1].heard.used, said[1].heard.starts) == (0.1, 1.0, [0])


@pytest.mark.parametrize(
    ("pool", "score", "used", "segments"),
    [("mean", 1250, 1.0, [500, 1250, 2000]), ("first", 500, 0.4, [500]), ("min", 500, 1.0, [500, 1250, 2000])],
)
def test_a_long_file_is_scored_in_segments_and_says_how_much_was_used(long, pool, score, used, segments):
    (said,) = scorer(1.0, pool=pool).said([long])
    assert said.pooled == {"score": score} and said.heard.used == used
    assert [one["score"] for one in said.segments] == segments
    assert said.heard.spans() == [(start / RATE, (start + 1000) / RATE) for start in [0, 750, 1500][: len(segments)]]


def test_segments_of_several_files_go_to_their_own_files(long, files):
    said = list(scorer(1.0).said([files[1], long, files[4], files[2], long]))
    assert [one.pooled and one.pooled["score"] for one in said] == [1000, 1250, None, 2000, 1250]
    assert [len(one.segments) for one in said] == [1, 3, 0, 1, 3]


def test_about_a_batch_of_segments_is_in_memory(long, files):
    one = scorer(1.0)
    list(one.said([files[1], files[2], long, files[3]]))
    assert [len(batch) for batch in one.settings.heard] == [5, 1]  # 1 + 1 + 3 segments reach the batch of 3


def test_a_network_that_hears_all_of_a_recording_hears_at_most_what_the_front_end_allows(tmp_path):
    second = write(tmp_path / "second.wav", np.arange(9000))
    one = scorer(1.0, crops=False, features=replace(FEATURES, front_end=FRONT_END))
    (said,) = one.said([second])  # 1.125 s in segments of 0.5 s, where a corpus would refuse the recording
    assert one.settings.heard == [[4000] * 3] and said.heard.starts == [0, 2500, 5000] and said.heard.used == 1
    free = scorer(1.0, crops=False)
    assert free.hearing.window == 30 * RATE and len(next(free.said([second])).segments) == 1


@pytest.mark.parametrize(
    ("stretches", "spans"),
    [
        ([(500, 2500)], [(500, 1500), (1500, 2500)]),
        ([(0, 400), (800, 1800), (1900, 2500)], [(0, 1400), (1400, 2500)]),  # pauses cut out: 400, 1000 and 600 samples
        ([(0, 1000), (1500, 2500)], [(0, 1000), (1500, 2500)]),  # a segment begins where a stretch does
    ],
)
def test_segments_lie_where_they_are_in_the_file_whatever_the_front_end_cut(long, monkeypatch, stretches, spans):
    def cut(audio, features, enhance):
        assert features.front_end.max_seconds is None and enhance is None
        kept = np.concatenate([audio.samples[start:end] for start, end in stretches])
        return SimpleNamespace(samples=kept, columns={}, stretches=stretches)

    monkeypatch.setattr("voxdag.tasks.scorer.through_front_end", cut)
    (said,) = scorer(1.0, features=replace(FEATURES, front_end=replace(FRONT_END, vad="trim"))).said([long])
    assert said.heard.used == 0.8 and said.heard.seconds == 2500 / RATE
    assert said.heard.spans() == [tuple(sample / RATE for sample in span) for span in spans]


def test_one_file_whose_output_is_not_finite_leaves_the_others_theirs(tmp_path, files):
    bad = write(tmp_path / "bad.wav", np.r_[np.full(400, 999), np.full(400, 4321)])
    said = list(scorer(1.0).said([files[1], bad, files[2]]))
    assert [one.pooled and one.pooled["score"] for one in said] == [1000, None, 2000]
    assert said[1].error == "the outputs of 1 recordings are not finite"


def test_a_file_that_asks_for_too_much_memory_leaves_the_others_theirs(files, monkeypatch):
    def greedy(audio, features, enhance):
        if audio.samples.max() == 1000:
            raise MemoryError
        return SimpleNamespace(samples=audio.samples, columns={}, stretches=[(0, len(audio.samples))])

    monkeypatch.setattr("voxdag.tasks.scorer.through_front_end", greedy)
    said = list(scorer(1.0).said(files[1:3]))
    assert said[0].error == "asks for more memory than there is" and said[1].pooled == {"score": 2000}


def test_what_is_decided_stands_beside_the_outputs_of_files_and_of_segments(long):
    def decide(table):
        return pd.DataFrame({"decision": np.where(table["score"] > 600, "bonafide", "spoof")})

    (said,) = scorer(1.0, decide=decide).said([long])
    assert said.pooled == {"score": 1250, "decision": "bonafide"}
    assert [one["decision"] for one in said.segments] == ["spoof", "bonafide", "bonafide"]


def test_the_lowest_of_words_is_refused(files):
    def words(network, recordings, settings, device):
        return pd.DataFrame({"predicted": ["sad"] * len(recordings)})

    with pytest.raises(Refused, match="pool is min, but predicted is no number: expected mean or first"):
        list(scorer(1.0, say=words, pool="min").said(files))


def test_an_unknown_way_of_pooling_lists_those_there_are():
    with pytest.raises(Refused, match="pool is 'median', expected one of mean, first, min"):
        scorer(1.0, pool="median")


def test_networks_go_to_the_device():
    inference = SimpleNamespace(CROPS=True)
    one = Scorer([nn.Linear(4, 1)], inference, SimpleNamespace(samples=1), FEATURES, torch.device("meta"))
    assert one.networks[0].weight.device == one.device == torch.device("meta")
