"""A clone of the product in a folder, with commands run in it as a user runs them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PRODUCT = ("models", "stages", "voxdag", "dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", "presets", "Makefile")


class Clone:
    """The product in `folder`, and what `make` adds to it, under git and DVC."""

    def __init__(self, folder):
        self.folder = folder
        # PYTHONDONTWRITEBYTECODE off: bytecode beside the code must not make a stage look changed
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and k[:6] != "VOXDAG"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        git = {
            "GIT_AUTHOR_NAME": "t",
            "GIT_COMMITTER_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@t",
            "GIT_COMMITTER_EMAIL": "t@t",
        }
        self.environment = environment | git | {"PATH": path, "DVC_NO_ANALYTICS": "1"}

    def copy_product(self):
        for name in PRODUCT:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.folder / name)
        for path in ROOT.glob("compare/*/dvc.yaml"):
            (self.folder / path.relative_to(ROOT)).parent.mkdir(parents=True)
            shutil.copy(path, self.folder / path.relative_to(ROOT))

    def commit_product(self):
        self("git init -q && dvc init -q && git add -A && git commit -qm product")
        shutil.copytree(ROOT / ".dvc/plots", self.folder / ".dvc/plots", dirs_exist_ok=True)

    def __call__(self, command, fails=False):
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert (done.returncode != 0) == fails, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def tree(self):
        return yaml.safe_load((self.folder / "params.yaml").read_text())

    def write(self, tree):
        (self.folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))

    def set(self, **changes):
        tree = self.tree()
        for key, value in changes.items():
            *path, last = key.split(".")
            branch = tree
            for name in path:
                branch = branch[name]
            branch[last] = value
        self.write(tree)

    def lock(self):
        return (self.folder / "dvc.lock").read_text()
