"""The DAG is complete and the imports go one way."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DAG = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
TOOLS = ("doctor", "make_la", "predict", "preset", "score")  # command lines, on top of everything

# What may import what: each package, and all that it may use of ours.
ALLOWED = {
    "models": ("models",),
    "voxdag/audio": ("voxdag/audio",),
    "voxdag/scoring": ("voxdag/scoring", "voxdag/streams"),
    "voxdag/figures": ("voxdag/figures", "voxdag/scoring", "voxdag/artifacts"),
    "voxdag/corpora": (
        *("voxdag/corpora", "voxdag/audio", "voxdag/scoring"),
        *("voxdag/streams", "voxdag/artifacts", "voxdag/folds"),
    ),
    "voxdag/training": ("voxdag/training", "voxdag/audio", "voxdag/streams", "voxdag/artifacts", "voxdag/shards"),
}


def module_file(name: str) -> Path | None:
    """The file of one of our modules, or None where `name` is no module of ours."""
    path = ROOT / name.replace(".", "/")
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def imports(file: Path, task: str, network: str) -> set[Path]:
    """Files of ours that a file imports, those that it picks by task or network included."""
    names = set()
    text = file.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    if file.parent.name == "stages":
        names |= {f"voxdag.tasks.{task}.{part}" for part in re.findall(r'part\([^()]*,\s*"(\w+)"\)', text)}
    if file == ROOT / "voxdag/corpora/__init__.py":
        names |= set(re.findall(r'"(voxdag\.corpora\.[\w.]+)"', text))
    if file == ROOT / "voxdag/networks/by_name.py":
        names.add(f"models.{network}")
    found = {module_file(name) for name in names if name.split(".")[0] in ("voxdag", "models", "stages")}
    return {path for path in found if path is not None}


def closure(file: Path, task: str, network: str) -> set[Path]:
    seen, todo = set(), [file]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo.extend(imports(current, task, network))
    return seen


def has_code(file: Path) -> bool:
    """Whether a file holds more than a docstring."""
    return len(ast.parse(file.read_text()).body) > 1


def items(foreach):
    """The entries of params.yaml that a `foreach: ${name}` goes over."""
    return PARAMS[foreach.removeprefix("${").removesuffix("}")].items()


def cases():
    for stage, body in DAG.items():
        for key, item in items(body["foreach"]):
            yield pytest.param(stage, key, item, id=f"{stage}@{key}")


def needs(stage, key, item):
    """The code of ours that a stage imports for an item."""
    files = closure(ROOT / f"stages/{stage}.py", item.get("task", key), item.get("network", "none"))
    return {file for file in files if has_code(file)}


def deps(stage, key, item):
    """The deps of a stage as dvc.yaml writes them -> their paths for an item."""
    values = {"${key}": key, "${item.task}": item.get("task", key), "${item.network}": item.get("network", "none")}
    paths = {}
    for dep in DAG[stage]["do"]["deps"]:
        paths[dep] = dep
        for variable, value in values.items():
            paths[dep] = paths[dep].replace(variable, value)
    return {dep: ROOT / path for dep, path in paths.items()}


@pytest.mark.parametrize(("stage", "key", "item"), list(cases()))
def test_a_stage_depends_on_all_the_code_it_imports(stage, key, item):
    listed = set(deps(stage, key, item).values())
    missing = {file for file in needs(stage, key, item) if not listed & {file, *file.parents}}
    assert not missing, f"{stage} imports {sorted(str(file.relative_to(ROOT)) for file in missing)}"


@pytest.mark.parametrize("stage", DAG)
def test_a_stage_depends_on_no_code_that_none_of_its_items_imports(stage):
    # the deps of a stage are written once for all its items, and so hold what any of them needs
    code, used = set(), set()
    for key, item in items(DAG[stage]["foreach"]):
        needed = needs(stage, key, item)
        for dep, path in deps(stage, key, item).items():
            if path.suffix == ".py" or (path / "__init__.py").is_file():
                code.add(dep)
                used |= {dep for file in needed if path in (file, *file.parents)}
    assert code == used, f"{stage} does not import {sorted(code - used)}"


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_go_one_way(package):
    for file in (ROOT / package).rglob("*.py"):
        for target in imports(file, "none", "none"):
            if has_code(target):
                name = target.relative_to(ROOT).with_suffix("").as_posix()
                assert name.startswith(ALLOWED[package]), f"{file.relative_to(ROOT)} imports {name}"


def test_nothing_below_imports_a_stage_or_a_tool():
    for file in [*(ROOT / "voxdag").rglob("*.py"), *(ROOT / "models").rglob("*.py")]:
        for target in imports(file, "none", "none"):
            name = target.relative_to(ROOT)
            assert name.parts[0] != "stages" and name.stem not in TOOLS, f"{file.relative_to(ROOT)} imports {name}"


def test_every_leaf_of_the_parameters_is_a_dependency_of_a_stage():
    tracked = {
        name.replace("${key}", key).replace("${item.task}", item.get("task", ""))
        for body in DAG.values()
        for key, item in items(body["foreach"])
        for name in body["do"]["params"]
    }

    def leaves(tree, where=""):
        for name, value in tree.items():
            yield from leaves(value, f"{where}{name}.") if isinstance(value, dict) else [f"{where}{name}"]

    untracked = [leaf for leaf in leaves(PARAMS) if not any(leaf == t or leaf.startswith(f"{t}.") for t in tracked)]
    assert untracked == []


def test_dvc_ignores_bytecode():
    assert "__pycache__" in (ROOT / ".dvcignore").read_text().splitlines()
