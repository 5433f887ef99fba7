"""The command line of the page: which systems it offers, and what it refuses in one line before anything is loaded."""

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.trained import decided, speech, weights
from voxdag import serve
from voxdag.core.errors import Refused
from voxdag.serving import offered, server
from voxdag.serving.offered import Named
from voxdag.serving.server import Address

ROOT = Path(__file__).parents[1]


@pytest.fixture
def there(monkeypatch):
    """As if gradio were installed, for what is refused before it is imported."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "there" if name == "gradio" else found(name))


def run(*words):
    serve.run(serve.parse([str(word) for word in words]))


def test_share_is_refused_with_its_reason():
    with pytest.raises(Refused, match=r"--share is not offered: it would send recordings through a server of others"):
        run("--share")


def test_without_its_package_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Refused, match=r"needs the package gradio, which is not installed: `make serve` installs it"):
        run()


def test_the_default_installation_does_not_import_the_framework():
    code = (
        "import sys; import voxdag.serve; assert not {'gradio', 'fastapi', 'starlette', 'uvicorn'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_port_that_is_taken_is_one_line(there, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            Refused, match=rf"^port {port} of 127.0.0.1 is taken by another program; --port {port + 1} takes"
        ):
            run("--weights", weights(tmp_path, "aasist"), "--port", port)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "70000"], "--port is 70000, expected 1 to 65535"),
        (["--behind", "example.org"], "--behind is 'example.org', expected an address such as https://"),
        (["--behind", "https://"], "--behind is 'https://', expected"),
        (["--seconds", "0"], "seconds is 0"),
        (["--preset", "aasist_official_la2019"], "--preset and --config say what weights of others are"),
        (["--prior", "0.5"], "--prior is of one system: name it with --system"),
        (["--system", "gone"], "gone"),
        (["--host", "203.0.113.1", "--weights", "W"], "--host 203.0.113.1 --port 7860: "),
    ],
)
def test_what_cannot_be_served_is_refused(there, tmp_path, words, said):
    words = [weights(tmp_path, "aasist") if word == "W" else word for word in words]
    with pytest.raises(Refused, match=said):
        run(*words)


def test_it_is_of_this_machine_alone_unless_asked():
    arguments = serve.parse([])
    with server.bound(Address(arguments.host, 0)) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_its_names_are_the_host_the_machine_and_the_proxys():
    own = socket.gethostname().lower()
    assert Address("127.0.0.1", 1).names == {"127.0.0.1", own}
    assert Address("0.0.0.0", 1, "https://Voice.example.org/x").names == {own, "voice.example.org"}


def test_weights_are_offered_with_what_dev_fitted(tmp_path):
    path = weights(tmp_path, "aasist")
    arguments = serve.parse(["--weights", str(path), "--decisions", str(decided(tmp_path, path, 0.5))])
    (one,) = offered.offered(serve.named(arguments))
    assert one.label == "aasist: anti-spoofing" and not one.simulated
    assert one.work.fitted["threshold"].tolist() == [0.75]


def test_systems_of_params_yaml_that_are_not_trained_are_not_offered(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    with pytest.raises(Refused, match=r"no system of params.yaml can be offered: aasist is not trained"):
        offered.offered(Named())


def test_files_are_deleted_whatever_becomes_of_them(tmp_path, monkeypatch):
    from voxdag.serving.limits import Limits
    from voxdag.serving.uploads import Uploads

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    class Fails:
        def answer(self, name, files, budget):
            raise {"bug": ZeroDivisionError, "refused": Refused}[name]("why")

    with Uploads() as kept:
        scores = server.scoring(Fails(), kept, Limits(files=2))
        for systems, said in (([], "No system"), (["bug"], "its log says how"), (["refused"], "why.")):
            path = speech(kept.place("a.wav"))
            assert said in scores(systems, [path]) and not path.parent.exists()
        many = [speech(kept.place("a.wav")) for _ in range(3)]
        assert "3 files at once, expected 2 at most" in scores(["bug"], many)
        assert "a.wav is no longer here: files wait 15 minutes at most" in scores(["bug"], many[:1])
        assert "There is no file" in scores(["bug"], [])
        assert [path.name for path in kept.folder.iterdir()] == [".lock"]


def test_a_system_that_is_named_several_times_is_asked_once(tmp_path, monkeypatch):
    from voxdag.serving.limits import Limits
    from voxdag.serving.uploads import Uploads

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    asked = []

    class Counts:
        def answer(self, name, files, budget):
            asked.append(name)

    monkeypatch.setattr(server.report, "of_answers", lambda answers: "answers")
    with Uploads() as kept:
        scores = server.scoring(Counts(), kept, Limits())
        assert scores(["a", "b", "a", "a"], [speech(kept.place("a.wav"))]) == "answers"
    assert asked == ["a", "b"]
