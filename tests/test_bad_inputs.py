"""A sweep of bad inputs: each is told in one line, with file, value and what was expected. No traceback, no silence.

Parameters are looked at as `python -m voxdag.doctor` looks at them: by what the stages bind them to.
"""

import os
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from voxdag import doctor, preset, score
from voxdag.audio.decode import Decoding
from voxdag.core import artifacts, code, command, params, runtime
from voxdag.core.errors import Refused
from voxdag.corpora.manifest import Prepare
from voxdag.corpora.readers import asvspoof2019_la
from voxdag.data.recordings import Features, read_audio
from voxdag.training.run_state import save_seconds

AASIST, TIER1 = "systems.aasist", "systems.tier1"
LA, SER = "tasks.antispoof", "tasks.emotion"
SIMULATED = f"{LA}.prepare.corpora.simulated_la"
SPEECH = f"{SER}.prepare.corpora.simulated_emotional"


def told(action):
    """The one line that `action` is refused with."""
    with pytest.raises((Refused, OSError)) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message and len(message) < 1000
    return message


# --- parameters: key, value, what is expected ---

COUNTS = [
    (key, value, expected)
    for key, expected in {
        "num_threads": "1 to 1024",
        f"{AASIST}.num_threads": "1 to 1024",
        f"{AASIST}.train.batch_size": "1 or more",
        f"{AASIST}.inference.batch_size": "1 or more",
        f"{TIER1}.inference.batch_size": "1 or more",
        f"{AASIST}.objective.samples": "1 to 9600000",
        f"{AASIST}.inference.samples": "1 to 9600000",
        f"{AASIST}.train.stopping.patience": "1 or more",
        f"{AASIST}.train.stopping.plateau_patience": "1 or more",
        f"{LA}.features.shard_megabytes": "1 or more",
        f"{LA}.scoring.replicates": "39 to 1,000,000",
        f"{TIER1}.inference.acoustic.bands": "1 or more",
        f"{TIER1}.inference.acoustic.coefficients": "1 or more",
        f"{SIMULATED}.train.bonafide": "1 or more",
        f"{SIMULATED}.eval.spoof": "1 or more",
        f"{SPEECH}.repetitions": "1 to 2",
    }.items()
    for value in (0, -1)
]
NOT_NEGATIVE = [
    (key, -3, "0 or more")
    for key in (
        f"{AASIST}.train.epochs",
        f"{AASIST}.train.warmup",
        f"{AASIST}.train.lr_floor",
        f"{AASIST}.train.weight_decay",
        f"{AASIST}.train.max_nonfinite",
        f"{AASIST}.train.stopping.min_delta",
        f"{AASIST}.train.stopping.train_loss_threshold",
        f"{LA}.features.decoding.min_seconds",
        f"{SER}.features.front_end.min_seconds",
        f"{TIER1}.objective.spec_augment.freq_masks",
        f"{TIER1}.objective.spec_augment.time_width",
    )
]
SHARES = [
    (key, value, "a share from 0 to 1")
    for key in (
        f"{AASIST}.train.averaging.start",
        f"{LA}.features.max_quarantined",
        f"{LA}.features.decoding.min_peak",
        f"{LA}.features.decoding.max_clipped",
        f"{LA}.prepare.max_absent",
        f"{TIER1}.objective.mixup.share",
        f"{TIER1}.objective.augmentation.pitch_share",
        f"{TIER1}.objective.spec_augment.time_share",
    )
    for value in (-1, 2)
]
ABOVE_ZERO = [
    (key, value, "more than 0")
    for key in (
        f"{AASIST}.train.lr",
        f"{AASIST}.train.clip_norm",
        f"{TIER1}.objective.mixup.alpha",
        "baselines.svm.settings.cost",
    )
    for value in (0, -5)
]
CHOICES = [
    (key, "none of them", "one of")
    for key in (
        "device",
        f"{AASIST}.train.optimizer",
        f"{AASIST}.train.precision",
        f"{AASIST}.train.averaging.over",
        f"{AASIST}.inference.score",
        f"{TIER1}.objective.class_weights",
        f"{TIER1}.inference.acoustic.kind",
        f"{TIER1}.inference.acoustic.cmvn",
        f"{SER}.features.front_end.denoise",
        f"{SER}.features.front_end.vad",
        f"{SER}.prepare.protocol",
        f"{SPEECH}.folds",
        f"{SER}.prepare.corpora.ravdess.folds",
        f"{SER}.prepare.corpora.crema_d.labels_from",
        f"{SER}.prepare.corpora.iemocap.classes",
        "baselines.svm.settings.kind",
    )
]
TYPES = [
    ("seed", "one", "int"),
    ("seed", 1.5, "int"),
    ("num_threads", None, "int"),
    ("device", True, "str"),
    (f"{AASIST}.seeds", 1, "a list"),
    (f"{AASIST}.seeds", ["a"], "int"),
    (f"{AASIST}.train", None, "a mapping"),
    (f"{AASIST}.train.lr", ".nan", "float"),
    (f"{AASIST}.train.lr", float("inf"), "float"),
    (f"{AASIST}.train.betas", [0.9], "a list of 2"),
    (f"{AASIST}.model", "aasist", "a mapping"),
    (f"{AASIST}.objective.shuffle_labels", "yes", "bool"),
    (f"{LA}.scoring.by", "attack", "a list"),
    (f"{LA}.prepare.corpora", [], "a mapping"),
    (f"{SIMULATED}.train", 48, "a mapping"),
]
OTHERS = [
    ("num_threads", 10**9, "1 to 1024"),
    (f"{AASIST}.seeds", [], "at least one"),
    (f"{AASIST}.seeds", [1, 1], "each once"),
    (f"{AASIST}.recordings", "../../elsewhere", "a folder inside data"),
    (f"{AASIST}.objective.samples", 10**12, "1 to 9600000"),
    (f"{AASIST}.inference.samples", 10**12, "1 to 9600000"),
    (f"{AASIST}.objective.class_weights", [0, 0], "more than 0"),
    (f"{AASIST}.objective.class_weights", [-1, 1], "more than 0"),
    (f"{AASIST}.train.betas", [0.9, 1.0], "from 0 to below 1"),
    (f"{AASIST}.train.lr_floor", 1, "at most lr, 0.002"),
    (f"{LA}.features.decoding.rate", 0, "1000 to 768000"),
    (f"{LA}.features.decoding.rate", 10**9, "1000 to 768000"),
    (f"{LA}.scoring.replicates", 10**12, "39 to 1,000,000"),
    (f"{LA}.scoring.confidence", 1.0, "a fraction between 0 and 1"),
    (f"{LA}.scoring.confidence", 95, "a fraction between 0 and 1"),
    (f"{LA}.scoring.by", ["attack", "attack"], "each once"),
    (f"{SER}.prepare.corpora.savee.folds", "random", "one of standard, leave_one_speaker_out"),
    (f"{SIMULATED}.root", "../../x", "a folder inside the corpora folder"),
    (f"{SIMULATED}.root", "/x", "a folder inside the corpora folder"),
    (f"{SIMULATED}.root", "", "a folder inside the corpora folder"),
    (f"{SPEECH}.root", "a/../../x", "a folder inside the corpora folder"),
    (f"{SIMULATED}.train.speakers", 1, "2 or more"),
    (f"{SIMULATED}.seconds", [4.0, 2.0], "a range in order"),
    (f"{SIMULATED}.seconds", [0.0, 2.0], "1.0 to 60.0"),
    (f"{SPEECH}.actors", 7, "an even number from 6 to 24"),
    (f"{SER}.features.front_end.max_seconds", 0.1, "more than min_seconds 0.2"),
    (f"{TIER1}.objective.label_smoothing", 1.0, "from 0 to below 1"),
    (f"{TIER1}.objective.augmentation.pitch_semitones", 500, "0 to 24"),
    (f"{TIER1}.objective.augmentation.tempo", [0, 1], "0.25 to 4"),
    (f"{TIER1}.objective.augmentation.snr_db", [40, 10], "a range in order"),
    (f"{TIER1}.inference.window_seconds", 0, "0.1 to 600"),
    (f"{TIER1}.inference.acoustic.hop_ms", 0, "more than 0 and at most window_ms"),
    (f"{TIER1}.inference.acoustic.deltas", 3, "one of 0, 1, 2"),
]


@pytest.fixture
def parameters(tmp_path, monkeypatch):
    """A folder with params.yaml alone, and its tree."""
    tree = params.read()
    monkeypatch.chdir(tmp_path)
    return tree


def looked_at(tree):
    Path("params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    list(doctor.parameters())


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [*COUNTS, *NOT_NEGATIVE, *SHARES, *ABOVE_ZERO, *CHOICES, *TYPES, *OTHERS],
    ids=lambda part: str(part)[-40:],
)
def test_a_senseless_parameter_is_named_with_its_file_key_and_value_and_what_was_expected(
    parameters, key, value, expected
):
    *sections, name = key.split(".")
    branch = parameters
    for section in sections:
        branch = branch[section]
    branch[name] = value
    message = told(lambda: looked_at(parameters))
    assert message.startswith(f"params.yaml: {key}"), message
    shown = "is " if isinstance(value, list) else f" is {value!r}"  # of a list, the type or the items may be others
    assert shown in message and f"expected {expected}" in message, message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "holds NoneType, expected a mapping"),
        ("[1, 2]", "holds list, expected a mapping"),
        ("seed: [1", "is not YAML"),
        ("seed: 1\nseed: 2\n", "the key 'seed' stands twice, in lines 1 and 2"),
        ("systems:\n  a:\n    lr: 1\n    lr: 2\n", "the key 'lr' stands twice, in lines 3 and 4"),
        ("seed: !!python/object/apply:os.system [exit]", "is not YAML"),
        ("seed: \x00", "is not YAML"),
        ("a: " + "[" * 500, "is not YAML"),
        ("seed: 1\nsedd: 2\n", "unknown key sedd"),
        ("seed: 1\n", "lacks the key num_threads"),
        ("{{{", "is not YAML"),
    ],
)
def test_a_params_yaml_of_another_kind_is_named(tmp_path, text, expected):
    (tmp_path / "params.yaml").write_text(text)
    message = told(lambda: params.read(tmp_path / "params.yaml"))
    assert message.startswith(f"{tmp_path}/params.yaml") and expected in message


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_params_yaml_in_another_encoding_is_named(tmp_path, encoding):
    (tmp_path / "params.yaml").write_bytes("seed: 1  # é".encode(encoding))
    assert "params.yaml is not YAML in UTF-8" in told(lambda: params.read(tmp_path / "params.yaml"))


@pytest.mark.parametrize("section", params.SECTIONS)
@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (3, "is 3, expected a mapping"),
        (["a"], "is ['a'], expected a mapping"),
        ({"a": None}, ".a is None, expected a mapping"),
        ({"a": [1]}, ".a is [1], expected a mapping"),
        ({"../a": {}}, "has '../a', expected a name of letters, digits, _ and -"),
        ({1: {}}, "has 1, expected a name"),
    ],
)
def test_a_section_of_another_kind_is_named(parameters, section, entries, expected):
    message = told(lambda: looked_at(parameters | {section: entries}))
    assert message.startswith(f"params.yaml: {section}") and expected in message


def test_the_parameters_as_they_are_and_empty_sections_are_not_refused(parameters):
    looked_at(parameters)
    looked_at(parameters | dict.fromkeys(params.SECTIONS))


# --- tables and score files ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,level\na,loud\n", "line 2, column level: 'loud' is not a number"),
        ("id,level\na,1\nb,0x10\n", "line 3, column level: '0x10' is not a number"),
        ("id,level\na,1,2\n", "more columns than its first line"),
        ("id,level\na,1\nb,1,2\n", "is no table"),
        ("", "is no table"),
        ('id,level\n"a,1\n', "is no table"),
    ],
)
def test_a_bad_table_is_named(tmp_path, text, expected):
    (tmp_path / "table.csv").write_text(text)
    assert expected in told(lambda: artifacts.read_table(tmp_path / "table.csv", {"level": float}))


@pytest.fixture(scope="module")
def la(tmp_path_factory):
    """Protocols and ASV scores in the layout of ASVspoof 2019 LA, without audio."""
    base = tmp_path_factory.mktemp("corpora") / "LA"
    for split, name in asvspoof2019_la.PROTOCOLS.items():
        rows = [f"{split}S{n % 3} {split}_{n:02d} - - bonafide" for n in range(4)]
        rows += [f"{split}S{n % 3} {split}_{n:02d} - A01 spoof" for n in range(4, 8)]
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("\n".join(rows) + "\n")
    for name in asvspoof2019_la.ASV_SCORES.values():
        rows = ["bonafide target 4", "bonafide nontarget 0", "A01 spoof 3"] * 2
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("\n".join(rows) + "\n")
    return base


def read_la(base):
    return asvspoof2019_la.read(base.parent, asvspoof2019_la.Options("LA", official=False))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("cm", b"S0 a -\n"),
        ("cm", b"S0 a - A01 genuine\n"),
        ("cm", b"S0 a - - spoof\n"),
        ("cm", b"S0 a - A01 bonafide\n"),
        ("cm", b"S0 a - - bonafide\nS0 a - - bonafide\n"),
        ("asv", b"bonafide target\n"),
        ("asv", b"bonafide target loud\n"),
        ("asv", b"bonafide target nan\n"),
        ("asv", b"bonafide stranger 1\n"),
    ],
)
def test_a_bad_protocol_is_named(la, tmp_path, kind, content):
    copy = shutil.copytree(la, tmp_path / "LA")
    name = Path((asvspoof2019_la.PROTOCOLS if kind == "cm" else asvspoof2019_la.ASV_SCORES)["dev"])
    (copy / name).write_bytes(content)
    assert name.name in told(lambda: read_la(copy))


def commanded(monkeypatch, capsys, caplog, module, *arguments):
    """The one line that a command ends with."""
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    caplog.clear()
    with pytest.raises(SystemExit) as ended:
        module.main() if module is not preset else command.guarded(module.main)
    assert ended.value.code not in (0, None)
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    lines = lines or capsys.readouterr().err.strip().splitlines()[-1:]
    assert len(lines) == 1 and "\n" not in lines[0] and "Traceback" not in lines[0]
    return lines[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "missing"),
        (b"eval_00 loud\n", "scores.txt"),
        (b"eval_00 nan\n", "scores.txt"),
        (b"eval_00 1 2\n", "scores.txt"),
        (b"eval_00 1\neval_00 2\n", "duplicate"),
        (b"stranger 1\n", "scores.txt"),
        (b"eval_00 - spoof 1\n", "scores.txt"),
        (b"\xff\xfe\x00\n", "scores.txt"),
    ],
)
def test_a_bad_score_file_is_named(la, tmp_path, monkeypatch, capsys, caplog, text, expected):
    (tmp_path / "scores.txt").write_bytes(text)
    arguments = (tmp_path / "scores.txt", "--corpus", "asvspoof2019_la", "--root", la)
    assert expected in commanded(monkeypatch, capsys, caplog, score, *arguments)


# --- audio ---


def riff(rate=16000, samples=b"\1\0" * 8000, bits=16):
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate % 2**32, rate * 2 % 2**32, 2, bits)
    chunks = b"WAVE" + head + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


AUDIO = {
    "empty.wav": b"",
    "text.wav": b"this is no audio\n",
    "lfs.wav": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    "cut.wav": riff()[:5000],
    "rate1.wav": riff(rate=1),
    "fast.wav": riff(rate=4_000_000_000),
    "nosamples.wav": riff(samples=b""),
    "short.wav": riff(samples=b"\1\0" * 8),
    "silent.wav": riff(samples=bytes(16000)),
    "dc.wav": riff(samples=b"\0\x40" * 8000),
    "noise.flac": bytes(range(256)) * 40,
    "noise.mp3": b"ID3" + bytes(2000),
    "noise.ogg": b"OggS" + bytes(500),
}


def reason(path):
    features = Features(Decoding(16000, 0.1, 1e-4, 0.01), None, 0.0, 1)
    found = read_audio(path.name, path.parent, features)
    assert isinstance(found, str) and "\n" not in found.strip() and len(found) < 500
    return found


@pytest.mark.parametrize("name", AUDIO)
def test_bad_audio_has_a_reason(tmp_path, name):
    (tmp_path / name).write_bytes(AUDIO[name])
    assert reason(tmp_path / name)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_float_audio_that_is_not_finite_or_on_another_scale_has_a_reason(tmp_path, value):
    samples = np.sin(np.arange(8000)) * (value if np.isfinite(value) else 0.5)
    samples[7] = value
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    assert reason(tmp_path / "a.wav")


@pytest.mark.parametrize("kind", ["folder", "fifo", "device", "broken link", "link to itself", "absent"])
def test_what_is_no_file_has_a_reason_and_nobody_waits_for_it(tmp_path, kind):
    path = tmp_path / "a.wav"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind != "absent":
        path.symlink_to({"device": "/dev/zero", "broken link": "nowhere", "link to itself": path}[kind])
    assert reason(path)


# --- the environment, and the commands ---


@pytest.mark.parametrize(
    ("variable", "value", "use"),
    [
        ("VOXDAG_JOBS", "0", command.jobs),
        ("VOXDAG_JOBS", "many", command.jobs),
        ("VOXDAG_WORKERS", "-1", lambda: runtime.workers(None)),
        ("VOXDAG_SAVE_SECONDS", "-1", save_seconds),
        ("VOXDAG_SAVE_SECONDS", "soon", save_seconds),
        ("OMP_THREAD_LIMIT", "1", lambda: runtime.check_openmp(2)),
        ("OMP_DYNAMIC", "true", lambda: runtime.check_openmp(2)),
    ],
)
def test_a_bad_environment_variable_is_named(monkeypatch, variable, value, use):
    monkeypatch.setenv(variable, value)
    message = told(use)
    assert variable in message and value in message


@pytest.mark.parametrize("name", ["tpyo", "../params", "../presets/aasist_la2019", "", ".", "aasist_la2019.yaml"])
def test_a_preset_that_is_not_in_the_list_is_refused_with_the_list(monkeypatch, capsys, caplog, name):
    line = commanded(monkeypatch, capsys, caplog, preset, name)
    assert repr(name) in line and "aasist_la2019" in line


def test_a_corpus_without_options_is_refused_with_those_there_are():
    prepare = params.read()["tasks"]["emotion"]["prepare"] | {"corpus": "ravdes"}
    settings = params.bind(Prepare, prepare, f"{SER}.prepare")
    message = told(lambda: settings.open("ravdes", f"{SER}.prepare"))
    assert message.startswith(f"{SER}.prepare.corpora has no options for ravdes; it has simulated_emotional, ravdess")


@pytest.mark.parametrize("read", [params.task, params.system, params.baseline])
def test_a_name_that_params_yaml_lacks_is_refused_with_those_there_are(read):
    message = told(lambda: read(params.read(), "../x"))
    assert "../x is not in params.yaml; it has" in message


def test_code_of_a_module_that_is_not_there_is_refused():
    assert "stages.nothing" in told(lambda: code.describe(["stages.nothing"], {}))
