"""params.yaml -> frozen dataclasses, once, with every unknown or missing key named.

A stage reads the tree with `read`, and binds the sections it needs:

    tree = params.read()
    system = params.system(tree, "aasist")       # network, and the sections for its task to bind
    run = params.run(tree, system)               # seed, num_threads, device
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from voxdag.core import bounds
from voxdag.core.errors import Refused

T = TypeVar("T")

FILE = "params.yaml"
BETWEEN = ("cleaned", "coded", "embedded", "synthetic")  # the sections of stages between features and training
FURTHER = ("beyond", "transfers", "external")  # those of recordings beside a task's own, and of systems of others
SECTIONS = ("tasks", *BETWEEN, "systems", "baselines", *FURTHER)
TOP_LEVEL = ("seed", "num_threads", "device", *SECTIONS)
ENTRY = re.compile(r"\w[\w-]*")  # the name of a task, a system, ...: it names folders and files
DEVICES = ("auto", "cpu", "cuda")
AMBIGUOUS = re.compile(r"[-+]?0[0-9_]+$|.*:")  # whole numbers of base 8 and of base 60 in YAML 1.1
THREADS = 1024  # more than a machine has; libraries end the process where so many cannot be started
FILES, NONE = "inputs/weights/", "none"  # of their weights: how a file of the weights folder begins; no file


@dataclass(frozen=True)
class Run:
    """What holds for the whole run.

    seed         of bootstrap intervals and of baselines: their random streams derive from it by name
    num_threads  of the tensor library, where a system has no number of its own; it changes the order of float sums, so
                 it is a parameter and not an environment variable
    device       "cpu", "cuda", or "auto" (CUDA where there is one)
    """

    seed: int
    num_threads: int
    device: str

    def __post_init__(self) -> None:
        bounds.within(self, 1, THREADS, "num_threads")
        bounds.one_of(self, DEVICES, "device")


@dataclass(frozen=True)
class Task:
    """The sections of one task; what they hold is the stages' and the task's business."""

    prepare: dict
    features: dict
    scoring: dict


@dataclass(frozen=True)
class Model:
    """config        one of the network's named sizes
    changes       what differs from it: fields of the network's configuration
    init_weights  a file in the weights folder to start from, or null
    """

    config: str
    changes: dict
    init_weights: str | None


@dataclass(frozen=True)
class Evaluate:
    """checkpoint: which of the weights that training kept: last, averaged, or best_<criterion>."""

    checkpoint: str


@dataclass(frozen=True)
class System:
    """A task, a network and how it is trained.

    task, network         a folder of voxdag/tasks, a module of models
    recordings            the folder of shards, below data, that it learns from and is scored on
    seeds                 of its trainings, one each
    num_threads           of its training and scoring; null: those of the run
    objective, inference  the task's own settings for learning and scoring
    train                 the settings of the training loop
    """

    task: str
    recordings: str
    seeds: tuple[int, ...]
    num_threads: int | None
    network: str
    model: Model
    objective: dict
    inference: dict
    train: dict
    evaluate: Evaluate

    def __post_init__(self) -> None:
        bounds.not_empty(self, "seeds")
        bounds.distinct(self, "seeds")
        bounds.within(self, 1, THREADS, "num_threads")
        bounds.inside(self, "data", "recordings")


@dataclass(frozen=True)
class Baseline:
    """What a task's systems are measured beside; `settings` are the task's business."""

    task: str
    settings: dict


@dataclass(frozen=True)
class Between:
    """A stage between features and training: an entry of `cleaned`, `coded`, `embedded` or `synthetic`.

    task        whose module does the work
    recordings  the folder of shards, below data, that it reads
    weights     those of `network`, a file below data: checkpoints/<system>/<member>/<checkpoint>.safetensors of a
                system, inputs/weights/<file> of the weights folder, or inputs/weights/none
    settings    the module's business
    network     a module of models, or null; config, changes: its size, where the weights do not say it
    """

    task: str
    recordings: str
    weights: str
    settings: dict
    network: str | None = None
    config: str | None = None
    changes: dict | None = None


@dataclass(frozen=True)
class Beyond:
    """A further corpus whose eval recordings are packed as those of a task: an entry of `beyond`.

    options     changes of the corpus's options, tasks.<task>.prepare.corpora.<corpus>: another root
    max_absent  the share (0..1) of listed recordings that may be absent from the disk
    """

    task: str
    corpus: str
    options: dict
    max_absent: float

    def __post_init__(self) -> None:
        bounds.share(self, "max_absent")


@dataclass(frozen=True)
class Transfer:
    """Recordings that all systems of a task are tested on, at what they froze on dev: an entry of `transfers`.

    recordings  a folder of shards below data: beyond/<entry>, coded/<entry>, features/<task>
    """

    task: str
    recordings: str


@dataclass(frozen=True)
class External:
    """What a system of others scored of a corpus, as score files: an entry of `external`.

    system   its name in the matrix; several entries may be of one, and the dev scores of one of them freeze for all
    corpus   whose protocol says what was scored
    options  changes of the corpus's options, tasks.<task>.prepare.corpora.<corpus>
    eval     score file of the eval split: in the corpora folder, or an absolute path
    dev      score file of the dev split; null: none
    column   of the matrix: an entry of `transfers` on the same recordings, or a name of its own; null: own eval
    """

    task: str
    system: str
    corpus: str
    options: dict
    eval: str
    dev: str | None = None
    column: str | None = None

    def __post_init__(self) -> None:
        bounds.not_empty(self, "eval", "dev")
        for name in ("system", "column"):
            value = getattr(self, name)
            if value is not None and not ENTRY.fullmatch(value):
                raise Refused(f"{name} is {value!r}, expected a name of letters, digits, _ and -")


def read(path: Path = Path(FILE)) -> dict[str, Any]:
    """Read the parameter tree and check its top-level keys. Raises Refused, naming the file."""
    if not path.is_file():
        raise Refused(f"{path} is not here: run from the repository's root")
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise Refused(f"{path} holds {type(tree).__name__}, expected a mapping with the keys {', '.join(TOP_LEVEL)}")
    _check_keys(tree, TOP_LEVEL, TOP_LEVEL, str(path))
    for section in SECTIONS:
        _check_section(tree[section], f"{path}: {section}")
    return tree


def read_yaml(path: Path) -> Any:
    """What a YAML file holds. Raises Refused, with the file and in one line, for what is not YAML in UTF-8, or where a
    mapping has a key twice, of which YAML would take the last."""
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Plain)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"{path} is not YAML in UTF-8: {' '.join(str(error).split())}") from None


class _Plain(yaml.SafeLoader):
    """Each key once, and no number that DVC, which reads YAML 1.2, would take for another: 010 is 8 in YAML 1.1, 1:30
    is 90."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if AMBIGUOUS.match(node.value):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {node.value} is another number, or text, to others")
        return super().construct_yaml_int(node)

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line = key.start_mark.line + 1
            if key.value in lines:
                raise yaml.YAMLError(f"the key {key.value!r} stands twice, in lines {lines[key.value]} and {line}")
            lines[key.value] = line
        return node


_Plain.add_constructor("tag:yaml.org,2002:int", _Plain.construct_yaml_int)


def _check_section(entries: object, where: str) -> None:
    if entries is None:
        return
    if not isinstance(entries, Mapping):
        raise Refused(f"{where} is {entries!r}, expected a mapping")
    for name, entry in entries.items():
        if not (isinstance(name, str) and ENTRY.fullmatch(name)):
            raise Refused(f"{where} has {name!r}, expected a name of letters, digits, _ and -")
        if entry is not None and not isinstance(entry, Mapping):  # none yet: whoever binds it refuses it
            raise Refused(f"{where}.{name} is {entry!r}, expected a mapping")


def run(tree: Mapping[str, Any], system: System | None = None) -> Run:
    """The keys that hold for the whole run; for a system, with its own number of threads, if it has one."""
    of_all = bind(Run, {field.name: tree[field.name] for field in dataclasses.fields(Run)}, "")
    if system is None or system.num_threads is None:
        return of_all
    return dataclasses.replace(of_all, num_threads=system.num_threads)


def task(tree: Mapping[str, Any], name: str) -> Task:
    """The sections of one task. Raises Refused with the task names that params.yaml has."""
    return bind(Task, _entry(tree, "tasks", name), f"tasks.{name}")


def system(tree: Mapping[str, Any], name: str) -> System:
    """One system. Raises Refused with the system names that params.yaml has."""
    return bind(System, _entry(tree, "systems", name), f"systems.{name}")


def between(tree: Mapping[str, Any], section: str, name: str) -> Between:
    """One entry of a section of BETWEEN. Raises Refused with those that params.yaml has there."""
    return bind(Between, _entry(tree, section, name), f"{section}.{name}")


def coded_by(tree: Mapping[str, Any], recordings: str) -> str:
    """The entry of `coded` that a folder's recordings come through, directly or by other stages between; "": none."""
    section, _, name = recordings.partition("/")
    entry = (tree[section] or {}).get(name) if section in BETWEEN else None
    if entry is None:
        return ""
    return name if section == "coded" else coded_by(tree, str(entry.get("recordings")))


def baseline(tree: Mapping[str, Any], name: str) -> Baseline:
    """One baseline. Raises Refused with the baseline names that params.yaml has."""
    return bind(Baseline, _entry(tree, "baselines", name), f"baselines.{name}")


def beyond(tree: Mapping[str, Any], name: str) -> Beyond:
    """One entry of `beyond`. Raises Refused with those that params.yaml has."""
    return bind(Beyond, _entry(tree, "beyond", name), f"beyond.{name}")


def beyond_options(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The options of the corpus of an entry of `beyond`. Raises Refused where the task has none for it."""
    return _changed_options(tree, beyond(tree, name), f"beyond.{name}")


def _changed_options(tree: Mapping[str, Any], entry: Beyond | External, where: str) -> dict[str, Any]:
    there = task(tree, entry.task).prepare.get("corpora") or {}
    if entry.corpus not in there:
        raise Refused(f"{where}.corpus is {entry.corpus}; tasks.{entry.task}.prepare.corpora has none of it")
    return {**(there[entry.corpus] or {}), **entry.options}


def transfer(tree: Mapping[str, Any], name: str) -> Transfer:
    """One entry of `transfers`. Raises Refused with those that params.yaml has."""
    return bind(Transfer, _entry(tree, "transfers", name), f"transfers.{name}")


def external(tree: Mapping[str, Any], name: str) -> External:
    """One entry of `external`. Raises Refused with those that params.yaml has."""
    return bind(External, _entry(tree, "external", name), f"external.{name}")


def external_options(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The options of the corpus of an entry of `external`. Raises Refused where the task has none for it."""
    return _changed_options(tree, external(tree, name), f"external.{name}")


def freezing(tree: Mapping[str, Any], name: str) -> list[str]:
    """The entries of `external` with dev scores of the system that an entry is of: one at most, unless they are wrong
    (see `voxdag.tasks.external`)."""
    entries = {other: entry or {} for other, entry in (tree["external"] or {}).items()}
    whose = [entries[name].get(key) for key in ("task", "system")]
    return [
        other
        for other, entry in entries.items()
        if entry.get("dev") and [entry.get(key) for key in ("task", "system")] == whose
    ]


def of_task(tree: Mapping[str, Any], task: str, *groups: str) -> list[str]:
    """The names of a task's systems and baselines, or of those of the `groups`, in the order of params.yaml."""
    listed = ((tree[group] or {}).items() for group in groups or ("systems", "baselines"))
    return [name for items in listed for name, item in items if item and item.get("task") == task]


def bind(cls: type[T], tree: Mapping[str, Any], where: str, file: str | Path = FILE) -> T:
    """Make the dataclass `cls` from a mapping, field by field, nested dataclasses included.

    An integer is taken where a float is wanted, and so is a numeral in a string: YAML 1.1 reads `1e-3` as text, and
    `dvc exp run -S` may write it so.

    Raises Refused for an unknown key, a missing key, a value of the wrong type or one that the dataclass refuses,
    naming `file` and the key: `where`, that of the mapping ("": the top), and the field's.
    """
    with _said_of(file):
        return _bound(cls, tree, where)


def change(instance: T, changes: Mapping[str, Any], where: str) -> T:
    """A dataclass like `instance` with the values of some of its fields, taken and refused as by `bind`; `where` names
    the file too, where there is one."""
    return dataclasses.replace(instance, **_values(type(instance), changes, [], where))  # type: ignore[type-var]


@contextmanager
def _said_of(file: str | Path) -> Iterator[None]:
    try:
        yield
    except Refused as reason:
        raise Refused(f"{file}: {reason}") from reason


def _bound(cls: Any, tree: Mapping[str, Any], where: str) -> Any:
    required = [field.name for field in dataclasses.fields(cls) if _is_required(field)]
    values = _values(cls, tree, required, where)
    try:
        return cls(**values)
    except Refused as reason:  # it begins with the field's name (see `voxdag.core.bounds`)
        raise Refused(_key(where, str(reason))) from reason


def _values(cls: type, tree: Mapping[str, Any], required: typing.Iterable[str], where: str) -> dict[str, Any]:
    if not isinstance(tree, Mapping):
        raise Refused(f"{where} is {tree!r}, expected a mapping")
    _check_keys(tree, [field.name for field in dataclasses.fields(cls)], required, where)
    hints = typing.get_type_hints(cls)
    return {name: _value(hints[name], value, _key(where, name)) for name, value in tree.items()}


def _key(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _entry(tree: Mapping[str, Any], group: str, name: str) -> Mapping[str, Any]:
    entries = tree[group] or {}
    if name not in entries:
        raise Refused(f"{group}.{name} is not in params.yaml; it has {group}: {', '.join(sorted(entries)) or 'none'}")
    return entries[name]


def _check_keys(tree: Mapping, known: typing.Iterable[str], required: typing.Iterable[str], where: str) -> None:
    known = list(known)
    unknown = [str(key) for key in tree if key not in known]
    if unknown:
        raise Refused(f"{where} has the unknown key {', '.join(unknown)}; known keys: {', '.join(known)}")
    missing = [key for key in required if key not in tree]
    if missing:
        raise Refused(f"{where} lacks the key {', '.join(missing)}")


def _is_required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        hints = [argument for argument in arguments if argument is not type(None)]
        fitting = [hint for hint in hints if isinstance(hint, type) and type(value) is hint]
        return _value((fitting or hints)[0], value, where)
    if dataclasses.is_dataclass(hint):
        return _bound(hint, value, where)
    if origin is tuple:
        return _sequence(arguments, value, where)
    if origin is dict and dataclasses.is_dataclass(arguments[1]):
        entries = _scalar(dict, value, where)
        return {str(name): _bound(arguments[1], entry, _key(where, str(name))) for name, entry in entries.items()}
    return _scalar(origin or hint, value, where)


def _sequence(arguments: tuple, value: Any, where: str) -> tuple:
    if not isinstance(value, list):
        raise Refused(f"{where} is {value!r}, expected a list")
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(value) != len(arguments):
        raise Refused(f"{where} is {value!r}, expected a list of {len(arguments)}")
    return tuple(
        _value(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(zip(arguments, value, strict=True))
    )


def _scalar(kind: type, value: Any, where: str) -> Any:
    if kind is float and not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number):
            return number
    elif isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise Refused(f"{where} is {value!r}, expected {'a mapping' if kind is dict else kind.__name__}")
