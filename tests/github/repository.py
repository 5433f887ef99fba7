"""A toy repository with two DVC stages, a remote for its cache and one for its commits, and what stands in for `gh`."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.clone import ROOT

SCRIPTS = ROOT / ".github/scripts"
TRAIN = """import os, pathlib, yaml
params = yaml.safe_load(open("params.yaml"))
print("epoch 1 of 1, unfinished training in", os.environ.get("VOXDAG_RESUME"), flush=True)
if params["fail"]:
    raise SystemExit("out of memory: smaller batches")
pathlib.Path("model").write_text(str(params["lr"]))
"""
EVALUATE = """import json, pathlib
lr = float(pathlib.Path("model").read_text())
pathlib.Path("plots").mkdir(exist_ok=True)
pathlib.Path("plots/det.png").write_bytes(b"picture of %g" % lr)
json.dump({"eer": 0.1 / lr}, open("metrics.json", "w"))
"""
PIPELINE = """stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [lr, fail]
    outs: [model]
  evaluate:
    cmd: python evaluate.py
    deps: [evaluate.py, model]
    outs: [plots: {cache: false}]
    metrics: [metrics.json: {cache: false}]
"""
COMPARE = "import sys\nprint('toy: better, by', *sys.argv[1:])\n"
PRESET = """import subprocess, sys
_, name, run, *words = sys.argv
sys.exit(subprocess.call([sys.executable, "-m", "dvc", "exp", "run", "-S", "lr=4", *words]))
"""
# GitHub's API for comments and labels of one pull request, kept in a file
GH = f"""#!{sys.executable}
import json, os, pathlib, re, sys
store = pathlib.Path(os.environ["GH_STORE"])
if not os.environ.get("GH_TOKEN"):
    sys.exit("To get started with GitHub CLI, please run:  gh auth login")
held = json.loads(store.read_text())
words = sys.argv[2:]
method = words[words.index("--method") + 1] if "--method" in words else "GET"
place = words[-1]
held["calls"].append([method, place])
if method == "POST":
    body = json.load(sys.stdin)["body"]
    held["comments"].append({{"id": 100 + len(held["comments"]), "login": "github-actions[bot]", "body": body}})
elif method == "PATCH":
    (comment,) = [each for each in held["comments"] if place.endswith("/" + str(each["id"]))]
    comment["body"] = json.load(sys.stdin)["body"]
elif method == "DELETE":
    held["labels"].remove(place.rpartition("/")[2])
elif place.endswith("/labels"):
    print(json.dumps([{{"name": name}} for name in held["labels"]]))
else:
    login, mark = re.search(r'login == "([^"]+)".*startswith\\("([^"]+)"\\)', words[words.index("--jq") + 1]).groups()
    own = [each for each in held["comments"] if each["login"] == login and each["body"].startswith(mark)]
    print(*[each["id"] for each in own], sep="\\n")
store.write_text(json.dumps(held))
"""


class Toy:
    """The repository in `folder/tree`, its remotes beside it; commands run in it as on a runner without a name."""

    def __init__(self, folder: Path, results: bool = True):
        self.folder, self.tree = folder, folder / "tree"
        self.tree.mkdir()
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ},
            **{"HOME": str(folder / "home"), "RUNNER_TEMP": str(folder / "temp"), "NAME": "pr-7"},
            **{"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "ours/voxdag", "DVC_NO_ANALYTICS": "1"},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        (folder / "home").mkdir()
        (folder / "temp").mkdir()
        self.write("train.py", TRAIN)
        self.write("evaluate.py", EVALUATE)
        self.write("dvc.yaml", PIPELINE)
        self.write("params.yaml", "lr: 1\nfail: false\n")
        self.write(".gitignore", "/model\n__pycache__\n")
        self.write("voxdag/compare.py", COMPARE)
        self.write("voxdag/preset.py", PRESET)
        self.git("init", "-q", "-b", "main")
        self.git("init", "-q", "--bare", str(folder / "origin"))
        self.git("remote", "add", "origin", str(folder / "origin"))
        self.run(sys.executable, "-m", "dvc", "init", "-q")
        self.run(sys.executable, "-m", "dvc", "config", "core.autostage", "false")
        if results:
            self.run(sys.executable, "-m", "dvc", "repro", "-q")
        self.commit("base")
        self.git("push", "-q", "origin", "main")
        self.git("checkout", "-q", "-b", "change")

    def write(self, name: str, content: str) -> None:
        """A file of the tree."""
        (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / name).write_text(content)

    def run(self, *words: str, check: bool = True, **more: str) -> subprocess.CompletedProcess:
        """A command in the tree."""
        environment = self.environment | more
        done = subprocess.run(words, cwd=self.tree, env=environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def git(self, *words: str) -> str:
        """What git says, as somebody who has a name."""
        return self.run("git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words).stdout.strip()

    def commit(self, message: str) -> str:
        """Everything in the tree, as a commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def step(self, name: str, check: bool = True, **more: str) -> subprocess.CompletedProcess:
        """A step of experiment.py."""
        return self.run(sys.executable, str(SCRIPTS / "experiment.py"), name, check=check, **more)

    def report(self) -> str:
        """What the last step wrote."""
        return (self.folder / "temp/experiment/report.md").read_text()


class PullRequest:
    """Comments and labels of pull request 7, and the command that keeps the comment."""

    def __init__(self, folder: Path, comments: list[dict] = (), labels: list[str] = ("gpu", "bug")):
        self.store, self.bin = folder / "github.json", folder / "bin"
        self.store.write_text(json.dumps({"comments": list(comments), "labels": list(labels), "calls": []}))
        self.bin.mkdir()
        (self.bin / "gh").write_text(GH)
        (self.bin / "gh").chmod(0o755)

    def held(self) -> dict:
        """comments, labels, and the calls that were made."""
        return json.loads(self.store.read_text())

    def comment(self, report: Path, **more: str) -> subprocess.CompletedProcess:
        """Run comment.py as the job does."""
        environment = {"PATH": str(self.bin), "GH_STORE": str(self.store), "GH_TOKEN": "t", "NUMBER": "7"}
        environment |= {"GITHUB_REPOSITORY": "ours/voxdag", "RESULT": "failure", "LABEL": "gpu"} | more
        environment |= {"RUN_URL": "https://github.com/ours/voxdag/actions/runs/1"}
        words = [sys.executable, str(SCRIPTS / "comment.py"), str(report)]
        return subprocess.run(words, env=environment, capture_output=True, text=True)
