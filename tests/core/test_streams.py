"""Streams by name: told apart by every name, its type and place; the same whoever draws, and whatever was drawn."""

import hashlib

import numpy as np

from voxdag.core import streams


def test_a_key_is_the_hash_of_seed_and_names():
    # by hand: BLAKE2b of the tuple as Python writes it
    expected = hashlib.blake2b(b"(7, 'crop', 3, 'LA_T_1')", digest_size=16).digest()
    assert streams.key(7, "crop", 3, "LA_T_1") == int.from_bytes(expected, "little")


def test_names_are_told_apart_by_type_and_place():
    named = [(1, "a", 1), (1, "a", "1"), (1, "a1"), (1, 1, "a"), (1, "a"), (11, "a"), (1,), ("1", "a")]
    assert len({streams.key(*names) for names in named}) == len(named)


def test_a_stream_does_not_depend_on_what_was_drawn_before():
    first = streams.generator(1, "noise", "u1").normal(size=5)
    streams.generator(1, "noise", "u2").normal(size=9)
    np.random.default_rng(0).normal()
    assert (streams.generator(1, "noise", "u1").normal(size=5) == first).all()


def test_an_epochs_order_has_every_utterance_once_and_differs_from_the_next():
    first, second = streams.order(1, 0, 50), streams.order(1, 1, 50)
    assert sorted(first) == sorted(second) == list(range(50)) and first.tolist() != second.tolist()
