"""What stands around the code: workflows that hand nothing to strangers, pins with hashes, bytes as committed."""

import json
import re
import subprocess
import tomllib

import pytest
import yaml

from tests.clone import ROOT


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_every_requirement_is_pinned_and_has_hashes(name):
    entries = re.sub(r"\s*#.*", "", (ROOT / name).read_text()).replace("\\\n", " ").split("\n")
    entries = [entry for entry in entries if entry.strip()]
    assert len(entries) > 5
    assert [entry[:40] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    ("optional", "both"),
    [
        ("requirements-judges.txt", "torch"),
        ("requirements-trackers.txt", "numpy"),
        ("requirements-cluster.txt", "pyyaml"),
        ("requirements-serve.txt", "pandas"),
        ("requirements-lint.txt", "pathspec"),
    ],
)
def test_what_is_optional_fits_in_beside_what_is_installed(optional, both):
    by_file = [
        dict(line.split(" ")[0].split("==") for line in (ROOT / name).read_text().splitlines() if "==" in line[:60])
        for name in ("requirements.txt", optional)
    ]
    shared = by_file[0].keys() & by_file[1].keys()
    assert both in shared and {name: by_file[0][name] for name in shared} == {name: by_file[1][name] for name in shared}


def test_git_changes_no_byte_whatever_the_system(tmp_path):
    # with core.autocrlf every hash in dvc.lock and every golden file would differ
    git = ["git", "-c", "core.autocrlf=true", "-c", "user.name=t", "-c", "user.email=t@t"]
    (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    (tmp_path / "a.csv").write_bytes(b"one\r\ntwo\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "a.csv").unlink()
    subprocess.run([*git, "checkout", "-q", "--", "a.csv"], cwd=tmp_path, check=True)
    assert (tmp_path / "a.csv").read_bytes() == b"one\r\ntwo\n"


@pytest.mark.parametrize(
    "name", ["LICENSE", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md", "docs/HOWTO.md", "Dockerfile"]
)
def test_what_others_look_for_is_there(name):
    assert (ROOT / name).read_text().strip()


def test_the_citation_says_what_the_package_says():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{citation["version"]}"' in project and citation["license"] == "MIT"
    assert "MIT License" in (ROOT / "LICENSE").read_text()


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHON = PROJECT["project"]["requires-python"].removeprefix(">=")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
CONTAINER = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())


def test_one_version_of_ruff_holds_everywhere():
    (pinned,) = re.findall(r"^ruff==(\S+)", (ROOT / "requirements.txt").read_text(), re.M)
    assert f"ruff=={pinned}\n" in (ROOT / "requirements.in").read_text()
    assert PROJECT["tool"]["ruff"]["required-version"] == f"=={pinned}"


def test_hooks_fetch_nothing_and_do_what_make_lint_does():
    assert {repository["repo"] for repository in HOOKS["repos"]} == {"local"}
    hooks = [hook for repository in HOOKS["repos"] for hook in repository["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}
    lint = re.search(r"^lint: .*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.M)[1]
    entries = [hook["entry"].replace(" --force-exclude", " .") for hook in hooks if hook["entry"].startswith("ruff")]
    assert " && ".join(entries) == lint
    (tests,) = [hook["entry"].split()[-1] for hook in hooks if "pytest" in hook["entry"]]
    assert (ROOT / tests).is_file()


def test_one_version_of_python_holds_everywhere():
    assert f"py{PYTHON.replace('.', '')}" == PROJECT["tool"]["ruff"]["target-version"]
    workflows = "".join(path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml"))
    assert set(re.findall(r"python-version: \"?([\d.]+)", workflows)) == {PYTHON}
    assert re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.M) == [PYTHON] == [CONTAINER["build"]["args"]["PYTHON"]]
    makefile = (ROOT / "Makefile").read_text()
    assert f"--python-version {PYTHON} " in makefile and f"({PYTHON.replace('.', ', ')})" in makefile


def test_the_image_is_of_the_pins_with_their_hashes_and_not_for_root():
    assert "--require-hashes -r requirements.txt" in DOCKERFILE
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
    assert set(bases) == {"python:${PYTHON}-slim-bookworm"}
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.M)
    assert users == ["1000:1000"] and "--uid 1000 voxdag" in DOCKERFILE
    removed = re.search(r"pip uninstall --yes (.*?) \\", DOCKERFILE)[1].split()
    pinned = re.findall(r"^(\S+)==", (ROOT / "requirements.txt").read_text(), re.M)
    assert set(removed) <= set(pinned)


def test_what_an_image_copies_is_sent_to_it_and_nothing_else():
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {words.split()[0] for words in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M)}
    assert sent == copied and all((ROOT / name).exists() for name in sent)


def test_the_development_container_is_that_image():
    build = CONTAINER["build"]
    assert (ROOT / ".devcontainer" / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (ROOT / ".devcontainer" / build["context"]).resolve() == ROOT
    stated = dict(re.findall(r"^ARG (\w+)=(\S+)$", DOCKERFILE, re.M))
    assert set(build["args"]) <= set(stated) and build["args"]["DEVICE"] in ("cpu", "cuda")
    assert f"useradd --create-home --uid 1000 {CONTAINER['remoteUser']}" in DOCKERFILE
    assert f"WORKDIR {CONTAINER['workspaceFolder']}" in DOCKERFILE
