import pandas as pd
import pytest

from voxdag.scoring import protocol

EASIER = pd.DataFrame({"protocol": ["leaky", "leaky"]})
PLAIN = pd.DataFrame({"id": ["u1"]})


@pytest.mark.parametrize(
    ("leaky", "transductive", "name"),
    [
        (False, False, "speaker_independent"),
        (True, False, "leaky"),
        (False, True, "transductive"),
        (True, True, "leaky_transductive"),
    ],
)
def test_every_protocol_has_a_prefix_and_a_note(leaky, transductive, name):
    assert protocol.named(leaky, transductive) == name
    words = [] if name == protocol.INDEPENDENT else name.split("_")
    assert protocol.PREFIXES[name] == "".join(f"{word}_" for word in words)
    assert protocol.NOTES[name] == " ".join(words)


def test_a_table_without_the_column_is_speaker_independent():
    assert (protocol.of(PLAIN), protocol.prefix(PLAIN)) == ("speaker_independent", "")
    assert (protocol.of(EASIER), protocol.prefix(EASIER, EASIER)) == ("leaky", "leaky_")


def test_one_protocol_holds_for_all_rows_of_all_tables():
    with pytest.raises(ValueError, match="protocol is leaky and speaker_independent: expected one of speaker_indep"):
        protocol.of(EASIER, PLAIN)
    with pytest.raises(ValueError, match="protocol is leaky and transductive"):
        protocol.of(pd.DataFrame({"protocol": ["leaky", "transductive"]}))
    with pytest.raises(ValueError, match="protocol is honest: expected one of"):
        protocol.of(pd.DataFrame({"protocol": ["honest"]}))
    with pytest.raises(ValueError, match="protocol is nan: expected one of"):
        protocol.of(pd.DataFrame({"protocol": [float("nan")]}))
