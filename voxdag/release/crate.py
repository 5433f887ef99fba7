"""The run behind a bundle as an RO-Crate (ro-crate-metadata.json), made of dvc.lock: which stage made what of what.

It has the hashes that DVC proves, and the parameters that each stage depended on. RO-Crate 1.1 with the profiles
Process, Workflow and Provenance Run Crate 0.5 (https://w3id.org/ro/wfrun): the workflow is dvc.yaml, each stage a step
with an action, DVC what organises them. Departures, because bundles hold no times and nobody's name: actions have no
endTime and no agent, the crate has no author. What a stage read and wrote is not in the bundle, but for the weights and
decisions, and is there as a CreativeWork with its path and hash.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from voxdag.core import lock
from voxdag.core.errors import Refused
from voxdag.release.manifest import Checked

FILE, README = "ro-crate-metadata.json", "README.md"
CRATE, TERMS = "https://w3id.org/ro/crate/1.1", "https://w3id.org/ro/terms/workflow-run/context"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
DVC, LANGUAGE, RUN, ORGANISE = "#dvc", "#dvc-pipeline", "#run", "#organise"
MEDIA = {
    ".json": "application/json", ".yaml": "application/yaml", ".lock": "application/yaml", ".csv": "text/csv",
    ".md": "text/markdown", ".cff": "application/yaml", ".onnx": "application/octet-stream",
    ".safetensors": "application/octet-stream",
}  # fmt: skip

Entity = dict[str, Any]


def stages_of(text: str, system: str) -> dict[str, Mapping]:
    """The entries of dvc.lock that are of a system, and all that these depend on, in the order in which they run.

    Raises Refused where the lock has no training of the system.
    """
    graph = lock.stages(text)
    if f"train@{system}" not in graph:
        raise Refused(f"{lock.LOCK} has no training of {system}: `dvc repro evaluate@{system}` runs it")
    above = lock.in_order(graph)
    wanted = {name for name in graph if name.partition("@")[2] == system}
    wanted |= {other for name in wanted for other in above[name]}
    entries = yaml.safe_load(text)["stages"]
    return {name: entries[name] for name in above if name in wanted}


def crate(
    about: Mapping[str, str], stages: Mapping[str, Mapping], files: Mapping[str, Checked], made_of: Mapping[str, str]
) -> dict:
    """The crate.

    about    name, description, date (ISO 8601), version (of the product), workflow (the file of dvc.yaml), licence
    stages   see `stages_of`
    files    those of the bundle
    made_of  file of the bundle -> the output of a stage that it is, or is a part of
    """
    data, values = _data(stages), _values(stages)
    steps = [entity for i, name in enumerate(stages, 1) for entity in _step(name, i, stages[name], about)]
    own = [_file(name, checked, made_of) for name, checked in files.items() if name != about["workflow"]]
    graph = [
        _descriptor(), _root(about, files, stages, data), _workflow(about, files[about["workflow"]], stages),
        *_engine(), *_profiles(), *own, *_unique(steps), _run(about, stages, made_of), _organise(stages),
        *data.values(), *values.values(),
    ]  # fmt: skip
    entities = sorted(map(_compact, graph), key=lambda entity: entity["@id"])
    return {"@context": [f"{CRATE}/context", TERMS], "@graph": entities}


def _compact(entity: Entity) -> Entity:
    """A list of one is written as that one, and an empty one not at all, as RO-Crate recommends."""
    plain = {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in entity.items()}
    return {key: value for key, value in plain.items() if value != []}


def _ids(names: Iterable[str]) -> list[Entity]:
    return [{"@id": name} for name in names]


def _descriptor() -> Entity:
    return {
        "@id": FILE, "@type": "CreativeWork", "about": {"@id": "./"},
        "conformsTo": _ids((CRATE, WORKFLOW_CRATE)),
    }  # fmt: skip


def _root(about: Mapping[str, str], files: Iterable[str], stages: Iterable[str], data: Iterable[str]) -> Entity:
    return {
        "@id": "./", "@type": "Dataset", "name": about["name"], "description": about["description"],
        "datePublished": about["date"], "license": {"@id": about["licence"]}, "conformsTo": _ids(PROFILES),
        "hasPart": _ids(sorted(files)), "mainEntity": {"@id": about["workflow"]},
        "mentions": _ids((RUN, ORGANISE, *map(_action_id, stages), *sorted(data))),
    }  # fmt: skip


def _workflow(about: Mapping[str, str], checked: Checked, stages: Iterable[str]) -> Entity:
    return {
        "@id": about["workflow"], "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "The pipeline", "programmingLanguage": {"@id": LANGUAGE}, "license": {"@id": about["licence"]},
        "encodingFormat": MEDIA[".yaml"], "contentSize": str(checked.bytes), "sha256": checked.sha256,
        "version": about["version"],
        "hasPart": _ids(sorted({_tool(name) for name in stages})), "step": _ids(map(_step_id, stages)),
    }  # fmt: skip


def _engine() -> list[Entity]:
    name = {"name": "DVC", "url": "https://dvc.org"}
    return [
        {"@id": DVC, "@type": "SoftwareApplication", **name},
        {"@id": LANGUAGE, "@type": "ComputerLanguage", "identifier": "https://dvc.org", **name},
    ]


def _profiles() -> list[Entity]:
    return [
        {"@id": url, "@type": "CreativeWork", "name": name, "version": version}
        for url, (name, version) in PROFILES.items()
    ]


def _file(name: str, checked: Checked, made_of: Mapping[str, str]) -> Entity:
    ending = name[name.rfind(".") :] if "." in name else ""
    part = {"isBasedOn": {"@id": _data_id(made_of[name])}} if name in made_of else {}
    part |= {"about": {"@id": "./"}} if name == README else {}
    return {
        "@id": name, "@type": "File", "name": name, "contentSize": str(checked.bytes), "sha256": checked.sha256,
        "encodingFormat": MEDIA.get(ending, "text/plain"), **part,
    }  # fmt: skip


def _step(name: str, position: int, entry: Mapping, about: Mapping[str, str]) -> list[Entity]:
    """A stage: step, tool, the action that it was, and DVC's control of it."""
    tool, action = _tool(name), _action_id(name)
    command = entry["cmd"] if isinstance(entry["cmd"], str) else " && ".join(entry["cmd"])
    read = [_data_id(dep["path"]) for dep in entry.get("deps", ())]
    read += [_value_id(key) for key in _settings(entry)]
    return [
        {"@id": _step_id(name), "@type": "HowToStep", "name": name, "position": str(position),
         "workExample": {"@id": tool}},
        {"@id": tool, "@type": "SoftwareApplication", "name": tool.removeprefix("#tool/"),
         "softwareVersion": about["version"]},
        {"@id": action, "@type": "CreateAction", "name": name, "description": command, "instrument": {"@id": tool},
         "actionStatus": "http://schema.org/CompletedActionStatus", "object": _ids(read),
         "result": _ids(_data_id(out["path"]) for out in entry.get("outs", ()))},
        {"@id": f"#control/{name}", "@type": "ControlAction", "name": f"DVC runs {name}",
         "instrument": {"@id": _step_id(name)}, "object": {"@id": action}},
    ]  # fmt: skip


def _run(about: Mapping[str, str], stages: Mapping[str, Mapping], made_of: Mapping[str, str]) -> Entity:
    made = {out["path"] for entry in stages.values() for out in entry.get("outs", ())}
    read = {dep["path"] for entry in stages.values() for dep in entry.get("deps", ())}
    given = sorted(path for path in read if not any(lock.overlap(path, out) for out in made))
    settings = sorted({key for entry in stages.values() for key in _settings(entry)})
    return {
        "@id": RUN, "@type": "CreateAction", "name": about["name"], "description": about["description"],
        "instrument": {"@id": about["workflow"]}, "actionStatus": "http://schema.org/CompletedActionStatus",
        "object": _ids([*map(_data_id, given), *map(_value_id, settings)]),
        "result": _ids([*sorted(made_of), *sorted(map(_data_id, made))]),
    }  # fmt: skip


def _organise(stages: Iterable[str]) -> Entity:
    return {
        "@id": ORGANISE, "@type": "OrganizeAction", "name": "dvc repro", "instrument": {"@id": DVC},
        "object": _ids(f"#control/{name}" for name in stages), "result": {"@id": RUN},
    }  # fmt: skip


def _data(stages: Mapping[str, Mapping]) -> dict[str, Entity]:
    """What stages read and wrote, by its id: path, DVC's hash, bytes."""
    found = {}
    for entry in stages.values():
        for one in (*entry.get("deps", ()), *entry.get("outs", ())):
            files = {"description": f"a folder of {one['nfiles']} files"} if "nfiles" in one else {}
            size = {"contentSize": str(one["size"])} if "size" in one else {}
            found[_data_id(one["path"])] = {
                "@id": _data_id(one["path"]), "@type": "CreativeWork", "name": one["path"],
                "identifier": f"md5:{one['md5']}", **size, **files,
            }  # fmt: skip
    return found


def _values(stages: Mapping[str, Mapping]) -> dict[str, Entity]:
    return {
        _value_id(key): {"@id": _value_id(key), "@type": "PropertyValue", "name": key, "value": _text(value)}
        for entry in stages.values()
        for key, value in _settings(entry).items()
    }


def _settings(entry: Mapping) -> dict[str, Any]:
    """The parameters that a stage depends on, dotted, down to what is no mapping."""
    return {
        key: value
        for file in entry.get("params", {}).values()
        for name, tree in file.items()
        for key, value in _flat(name, tree)
    }


def _flat(name: str, tree: Any) -> list[tuple[str, Any]]:
    if isinstance(tree, Mapping) and tree:
        return [pair for key, value in tree.items() for pair in _flat(f"{name}.{key}", value)]
    return [(name, tree)]


def _text(value: Any) -> str | int | float | bool:
    plain = isinstance(value, str | int | float | bool)
    return value if plain else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _unique(entities: Iterable[Entity]) -> list[Entity]:
    return list({entity["@id"]: entity for entity in entities}.values())


def _tool(stage: str) -> str:
    return f"#tool/stages.{stage.partition('@')[0]}"


def _step_id(stage: str) -> str:
    return f"#step/{stage}"


def _action_id(stage: str) -> str:
    return f"#action/{stage}"


def _data_id(path: str) -> str:
    return f"#data/{path}"


def _value_id(key: str) -> str:
    return f"#parameter/{key}"
