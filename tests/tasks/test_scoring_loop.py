"""Networks over recordings: every recording once, in its place, whatever the batches."""

import numpy as np
import pytest
import torch
from torch import nn

from voxdag.core.errors import Refused
from voxdag.tasks import scoring_loop

CPU = torch.device("cpu")


def recordings(*lengths):
    return [np.full(length, 1 + i, np.int16) for i, length in enumerate(lengths)]


def test_batches_of_like_lengths_hold_every_row_once():
    batches = scoring_loop.by_length(recordings(5, 1, 9, 1, 7), 2)
    assert [rows.tolist() for rows in batches] == [[1, 3], [0, 4], [2]]
    assert [rows.tolist() for rows in scoring_loop.in_order(recordings(5, 1, 9), 2)] == [[0, 1], [2]]


def test_padding_is_zeros_behind_and_lengths_are_those_before():
    waves, lengths = scoring_loop.padded(recordings(2, 3))
    assert waves.tolist() == [[1, 1, 0], [2, 2, 2]] and lengths.tolist() == [2, 3] and waves.dtype == torch.int16


def test_a_crop_is_from_the_start_and_a_short_recording_is_repeated():
    waves, lengths = scoring_loop.crops([np.array([1, 2, 3], np.int16), np.arange(9, dtype=np.int16)], 5)
    assert waves.tolist() == [[1, 2, 3, 1, 2], [0, 1, 2, 3, 4]] and lengths.tolist() == [5, 5]


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_outputs_stand_at_their_recordings(size):
    held = recordings(5, 1, 9, 1, 7)

    def outputs(waves, lengths, rows):
        assert waves.dtype == torch.float32 and lengths.tolist() == [len(held[i]) for i in rows]
        return torch.stack([waves[:, 0] * 32768, lengths], dim=1)

    batches = scoring_loop.by_length(held, size)
    found = scoring_loop.score(nn.Identity(), held, batches, scoring_loop.padded, outputs, CPU)
    assert found.tolist() == [[1, 5], [2, 1], [3, 9], [4, 1], [5, 7]] and found.dtype == np.float64


class Gives(nn.Module):
    TAKES = "wave"

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, wave):
        return self.output


WAVE = torch.zeros(2, 9)


def test_logits_are_what_stands_second_in_a_pair():
    embedding, logits = torch.zeros(2, 5), torch.ones(2, 3)
    assert scoring_loop.logits(Gives((embedding, logits)), WAVE, outputs=3) is logits
    assert scoring_loop.logits(Gives(logits), WAVE, outputs=3) is logits


@pytest.mark.parametrize(
    ("output", "given"),
    [
        (torch.ones(2, 4), r"\(2, 4\)"),
        (torch.ones(3), r"\(3,\)"),
        (torch.ones(1, 3), r"\(1, 3\)"),
        (torch.ones(2, 3, 1), r"\(2, 3, 1\)"),
        ((torch.ones(2, 3), torch.ones(2, 5)), r"tuple of \(2, 3\), \(2, 5\)"),
        ((torch.ones(2, 3),) * 3, r"tuple of \(2, 3\), \(2, 3\), \(2, 3\)"),
        ({"logits": torch.ones(2, 3)}, "dict"),
        (None, "NoneType"),
    ],
)
def test_a_network_that_gives_something_else_is_refused_by_name(output, given):
    with pytest.raises(Refused, match=rf"Gives gives {given} of 2 recordings; expected logits \(B, 3\), or a pair"):
        scoring_loop.logits(Gives(output), WAVE, outputs=3)


@pytest.mark.parametrize(("takes", "given"), [("waves", "wave, lengths"), ("features", "features, frames")])
def test_a_forward_that_does_not_take_what_the_network_says_is_refused_by_name(takes, given):
    network = Gives(None)
    network.TAKES = takes
    with pytest.raises(Refused, match=rf"TAKES of Gives is '{takes}', so its forward is given \({given}\): too many"):
        scoring_loop.check_takes(network, ("wave", "waves", "features"), "a task")
    scoring_loop.check_takes(Gives(None), ("wave",), "a task")


def test_a_network_that_does_not_say_what_it_takes_is_refused():
    with pytest.raises(Refused, match="Identity takes None; a task can give wave, waves"):
        scoring_loop.check_takes(nn.Identity(), ("wave", "waves"), "a task")


def test_embeddings_are_padded_frame_by_frame_and_keep_their_values():
    held = [np.full((2, 3), 1.5, np.float16), np.full((4, 3), 2.5, np.float16)]
    padded, frames = scoring_loop.padded(held)
    assert padded.shape == (2, 4, 3) and frames.tolist() == [2, 4] and padded[0, 2:].eq(0).all()
    assert scoring_loop.float_waves(padded, CPU)[1].unique().tolist() == [2.5]  # no full scale to divide by


def test_what_a_network_refuses_is_said_of_it():
    class Long(torch.nn.Module):
        def forward(self, wave):
            raise ValueError(f"expected at least 2065 samples, got {wave.shape[1]}")

    with pytest.raises(Refused, match="Long: expected at least 2065 samples, got 9"):
        scoring_loop.logits(Long(), torch.zeros(1, 9), outputs=2)
