"""What comes from outside is looked at: every change of a corpus or of weights shows, and nothing else does."""

import hashlib
import os

import pytest

from stages import inputs
from voxdag.core.errors import Refused


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """The folders of corpora and of weights, at places of their own."""
    for name in ("corpora", "weights"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"VOXDAG_{name.upper()}", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fill(folder, files):
    """Write files (path -> text) below a folder."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


FILES = {"a.wav": "aaa", "b/c.wav": "c", "b/d/e.txt": ""}


def test_a_listing_counts_and_hashes_names_and_sizes(tmp_path):
    # by hand: BLAKE2b of name, NUL, size, NUL of each file, sorted by name; a file at the top is below "."
    text = "./a.wav\x003\0" + "b/c.wav\x001\0" + "b/d/e.txt\x000\0"
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    assert inputs.listing(fill(tmp_path, FILES)) == f"3 files, 4 bytes, {digest}"


@pytest.mark.parametrize(
    "changes",
    [
        FILES | {"b/f.wav": ""},
        {"a.wav": "aaa", "b/c.wav": "c"},
        FILES | {"a.wav": "aa", "b/c.wav": "cc"},
        {"A.wav": "aaa", "b/c.wav": "c", "b/d/e.txt": ""},
        {"a.wav": "aaa", "c.wav": "c", "b/d/e.txt": ""},
    ],
    ids=["added", "removed", "other sizes of the same sum", "renamed", "moved"],
)
def test_every_change_of_a_corpus_shows(tmp_path, changes):
    assert inputs.listing(fill(tmp_path / "before", FILES)) != inputs.listing(fill(tmp_path / "after", changes))


def test_a_link_without_target_shows(tmp_path):
    whole = inputs.listing(fill(tmp_path, FILES))
    (tmp_path / "b/f.wav").symlink_to("nowhere")
    (tmp_path / "b/itself.wav").symlink_to("itself.wav")
    assert inputs.listing(tmp_path) != whole and inputs.listing(tmp_path).startswith("5 files, 4 bytes, ")


def test_where_it_lies_and_dot_folders_do_not_show(tmp_path):
    other = fill(tmp_path / "after", FILES | {".git/config": "x", "b/.cache/f.wav": "x"})
    assert inputs.listing(fill(tmp_path / "before", FILES)) == inputs.listing(other)


def test_the_order_on_disk_does_not_show(tmp_path, monkeypatch):
    folder = fill(tmp_path, FILES | {"f.wav": "f"})
    before, in_some_order = inputs.listing(folder), os.scandir
    monkeypatch.setattr(os, "scandir", lambda place: reversed(list(in_some_order(place))))
    assert inputs.listing(folder) == before


def test_a_linked_folder_is_entered_and_shows_as_one_that_is_not(tmp_path):
    fill(tmp_path / "disk2", {"c.wav": "c", "d/e.txt": ""})
    linked = fill(tmp_path / "linked", {"a.wav": "aaa"})
    (linked / "b").symlink_to(tmp_path / "disk2")
    assert inputs.listing(linked) == inputs.listing(fill(tmp_path / "whole", FILES))


def test_loops_of_links_end(tmp_path):
    folder = fill(tmp_path / "corpus", FILES)
    before = inputs.listing(folder)
    (folder / "b/d/up").symlink_to(folder)
    (folder / "b/here").symlink_to(folder / "b")
    assert inputs.listing(folder) == before


def test_a_folder_that_is_linked_twice_counts_twice(tmp_path):
    # two names of the same recordings are two lines of a protocol
    folder = fill(tmp_path / "corpus", {"x/a.wav": "a"})
    (folder / "y").symlink_to(folder / "x")
    assert inputs.listing(folder).startswith("2 files, 2 bytes, ")


def test_names_that_are_not_unicode_are_listed(tmp_path):
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.wav", os.O_CREAT))
    assert inputs.listing(tmp_path).startswith("1 files, 0 bytes, ")


def task(corpus, eval_corpus=None, **options):
    return {"prepare": {"corpus": corpus, "eval_corpus": eval_corpus, "corpora": options}}


def test_a_task_lists_the_corpora_that_it_reads(outside):
    fill(outside / "corpora/savee/AudioData", FILES)
    options = {"savee": {"root": "savee/AudioData"}, "emodb": {"root": "emodb"}, "ravdess": {"root": "ravdess"}}
    listed = inputs.listing(outside / "corpora/savee/AudioData")
    assert inputs.corpora(task("savee", "emodb", **options)) == f"savee: {listed}\nemodb: absent\n"
    assert inputs.corpora(task("savee", "savee", **options)) == f"savee: {listed}\n"


def test_a_corpus_may_lie_anywhere(outside, tmp_path):
    place = fill(tmp_path / "elsewhere", FILES)
    assert inputs.corpora(task("savee", savee={"root": str(place)})) == f"savee: {inputs.listing(place)}\n"


def test_the_folder_of_all_corpora_can_be_moved(outside, monkeypatch):
    fill(outside / "moved/savee", FILES)
    before = inputs.corpora(task("savee", savee={"root": "savee"}))
    monkeypatch.setenv("VOXDAG_CORPORA", str(outside / "moved"))
    assert before == "savee: absent\n" != inputs.corpora(task("savee", savee={"root": "savee"}))


def test_of_a_corpus_that_is_made_from_others_the_sources_are_looked_at_and_not_what_is_made(outside):
    options = {"mixture": {"root": "mixed", "sources": {"speech": "libri", "noise": "esc"}}}
    speech = fill(outside / "corpora/libri", FILES)
    before = inputs.corpora(task("mixture", **options))
    assert before == f"mixture: {inputs.listing(speech)}; absent\n"
    fill(outside / "corpora/mixed/abc", FILES)
    assert inputs.corpora(task("mixture", **options)) == before
    fill(outside / "corpora/esc", FILES)
    assert (
        inputs.corpora(task("mixture", **options)) == f"mixture: {inputs.listing(speech)}; {inputs.listing(speech)}\n"
    )


def test_a_simulated_corpus_is_its_readers_business(outside):
    fill(outside / "corpora/simulated_la", FILES)
    made = inputs.corpora(task("simulated_la", simulated_la={"root": "simulated_la"}))
    assert made == "simulated_la: made by its reader\n"


def test_a_corpus_without_options_is_left_to_prepare_to_refuse(outside):
    assert inputs.corpora(task("timit")) == "timit: no options\n"


@pytest.mark.parametrize("item", [{}, {"prepare": None}, {"prepare": {"corpus": "savee"}}, task("savee", savee={})])
def test_what_a_task_lacks_is_left_to_prepare_to_refuse(outside, item):
    assert inputs.corpora(item) in ("", "savee: no options\n")


def test_weights_are_hashed_by_content(outside):
    system = {"model": {"init_weights": "AASIST.pth"}}
    absent = inputs.weights(system)
    fill(outside / "weights", {"AASIST.pth": "one"})
    # by hand: BLAKE2b of the bytes
    assert absent == "AASIST.pth absent\n"
    first = inputs.weights(system)
    assert first == f"AASIST.pth {hashlib.blake2b(b'one', digest_size=16).hexdigest()}\n"
    fill(outside / "weights", {"AASIST.pth": "two"})
    assert inputs.weights(system) != first


def test_weights_are_read_to_their_end(outside, monkeypatch):
    monkeypatch.setattr(inputs, "CHUNK", 2)
    fill(outside / "weights", {"AASIST.pth": "12345"})
    whole = hashlib.blake2b(b"12345", digest_size=16).hexdigest()
    assert inputs.weights({"model": {"init_weights": "AASIST.pth"}}) == f"AASIST.pth {whole}\n"


@pytest.mark.parametrize(
    "item",
    [{}, {"model": None}, {"model": {"init_weights": None}}, {"features": None}, {"features": {"front_end": None}}],
)
def test_an_item_that_needs_no_weights_says_so(outside, item):
    assert inputs.weights(item) == "none\n"


def test_a_denoiser_needs_its_weights(outside):
    needed = inputs.weights({"features": {"front_end": {"denoise": "demucs"}}})
    assert needed == "dns64-a7761ff99a7d5bb6.th absent\n"
    assert inputs.weights({"features": {"front_end": {"denoise": "none"}}}) == "none\n"


def test_a_folder_that_an_objective_names_shows_and_so_does_every_change_of_it(outside):
    objective = {"augmentation": {"noise": {"kinds": {"music": {"folder": "musan/music", "snr_db": [5, 15]}}}}}
    item = {"model": {"init_weights": "a.pth"}, "objective": objective}
    assert inputs.weights(item) == "a.pth absent\nmusan/music: absent\n"
    fill(outside / "corpora/musan/music", {"a.wav": "aaa"})
    before = inputs.weights(item)
    assert before == f"a.pth absent\nmusan/music: {inputs.listing(outside / 'corpora/musan/music')}\n"
    fill(outside / "corpora/musan/music", {"b/c.wav": ""})
    assert inputs.weights(item) != before
    objective["augmentation"]["reverberation"] = {"share": 0.5, "folder": None}
    assert inputs.weights({"objective": objective}).startswith("musan/music: 2 files, 3 bytes, ")
    assert inputs.weights({"objective": {"augmentation": {"reverberation": {"folder": None}}}}) == "none\n"


@pytest.mark.parametrize("name", ["../../weights/x.pt", "/weights/x.pt", "a/../x.pt", "./x.pt", ""])
def test_weights_that_lie_elsewhere_are_refused_and_stay_as_they_are(outside, monkeypatch, name):
    # data/inputs/weights/../../weights/x.pt is data/weights/x.pt: the hash would be written over the weights
    monkeypatch.delenv("VOXDAG_WEIGHTS")
    fill(outside, {"data/weights/x.pt": "mine"})
    entry = f"{{weights: inputs/weights/{name}}}"
    fill(outside, {"params.yaml": PARAMS.replace("cleaned: {}", f"cleaned: {{x: {entry}}}")})
    with pytest.raises(Refused, match=f"cleaned.x.weights is 'inputs/weights/{name}', expected inputs/weights/<file>"):
        inputs.main()
    assert (outside / "data/weights/x.pt").read_text() == "mine"


def test_weights_may_lie_in_a_folder_below(outside):
    fill(outside / "weights", {"ssl/x.pt": "mine"})
    assert list(inputs.weights_between({"cleaned": {"x": {"weights": "inputs/weights/ssl/x.pt"}}})) == ["ssl/x.pt"]


PARAMS = """
{seed: 1, num_threads: 1, device: cpu, cleaned: {}, coded: {}, embedded: , synthetic: {},
 beyond: {}, transfers: {}, external: {},
 tasks: {emotion: {prepare: {corpus: savee, eval_corpus: null, corpora: {savee: {root: savee}}}}},
 systems: {tier1: {model: {init_weights: t.pth}}}, baselines: {}}
"""


def test_every_task_and_every_item_has_a_file_and_what_is_gone_has_none(outside):
    fill(outside, {"params.yaml": PARAMS, "data/inputs/weights/systems/gone.txt": "x"})
    inputs.main()
    written = {path.relative_to(outside / "data/inputs").as_posix() for path in outside.glob("data/inputs/**/*.txt")}
    systems = {f"weights/systems/{name}.txt" for name in ("tier1",)}
    assert written == {"corpora/emotion.txt", "weights/tasks/emotion.txt", *systems}
    assert (outside / "data/inputs/corpora/emotion.txt").read_text() == "savee: absent\n"
    further = [outside / "data" / name / "emotion" for name in ("transfers", "external")]
    assert all(folder.is_dir() for folder in further)  # what `compare` depends on, without an entry too
    assert (outside / "data/inputs/weights/systems/tier1.txt").read_text() == "t.pth absent\n"


def external(**entries):
    known = {"task": "antispoof", "system": "theirs", "corpus": "asvspoof2019_la", "options": {}}
    task = {"prepare": {"corpora": {"asvspoof2019_la": {"root": "LA"}, "other": {"root": "other"}}}}
    task |= {"features": {}, "scoring": {}}
    return {"tasks": {"antispoof": task}, "external": {name: known | entry for name, entry in entries.items()}}


def test_a_changed_score_file_shows_and_so_does_its_corpus(outside):
    tree = external(la={"eval": "scores.txt"})
    looks = [inputs.score_files(tree, "la")]
    for files in ({"scores.txt": "a 1"}, {"scores.txt": "a 2"}, {"LA/protocol.txt": "a"}, {"LA/protocol.txt": "ab"}):
        fill(outside / "corpora", files)
        looks.append(inputs.score_files(tree, "la"))
    assert len(set(looks)) == 5 and looks[0] == 'eval: scores.txt absent; asvspoof2019_la {"root": "LA"}: absent\n'
    assert looks[1].split()[2] == hashlib.blake2b(b"a 1", digest_size=16).hexdigest() + ";"


def test_the_dev_scores_of_another_entry_of_the_system_show_and_those_of_another_system_do_not(outside):
    entries = {"la": {"eval": "e.txt", "dev": "d.txt"}, "wild": {"eval": "w.txt", "corpus": "other"}}
    tree = external(**entries, strange={"eval": "s.txt", "dev": "x.txt", "system": "other"})
    fill(outside / "corpora", {"d.txt": "a 1", "x.txt": "a 1"})
    before = inputs.score_files(tree, "wild")
    assert [line.split()[:2] for line in before.splitlines()] == [["eval:", "w.txt"], ["dev:", "d.txt"]]
    fill(outside / "corpora", {"x.txt": "a 2"})
    assert inputs.score_files(tree, "wild") == before
    fill(outside / "corpora", {"d.txt": "a 2"})
    assert inputs.score_files(tree, "wild") != before


@pytest.mark.parametrize("entry", [{"eval": None}, {"eval": "e.txt", "corpus": "none"}, {"eval": "e.txt", "more": 1}])
def test_score_files_of_an_entry_that_makes_no_sense_are_left_to_its_stage(outside, entry):
    assert inputs.score_files(external(la=entry), "la") == "none\n"
