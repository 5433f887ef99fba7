"""What each tracker is given, in the words of its package: fakes that remember stand in for the packages."""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from voxdag.training.tracking import PACKAGES, Training

EVENTS = [
    (1, "train/global_step", 1, {"train/loss": 0.5, "train/lr": 0.1}),
    (2, "train/global_step", 2, {"train/loss": 0.25, "train/lr": 0.1}),
    (3, "epoch", 1, {"epoch/dev_eer": 0.125}),
    (4, "train/global_step", 3, {"train/loss": 0.2, "train/lr": 0.1, "train/skipped": 1}),
]
VARIABLES = ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR", "WANDB_PROJECT", "MLFLOW_TRACKING_URI")
VARIABLES += ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_ALLOW_FILE_STORE")


class Calls(list):
    """Remembers calls of any method: (name, positional words, named words)."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *words, **named: self.append((name, words, named))

    def of(self, name):
        return [(*words, *named.items()) for called, words, named in self if called == name]


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Start a tracker among fakes: start(name, fakes by module, resumed) tells it EVENTS and closes it."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)

    def started(name, fakes, resumed=False, succeeded=True, settings=None):
        for module, content in fakes.items():
            fake = ModuleType(module)
            vars(fake).update(content)
            monkeypatch.setitem(sys.modules, module, fake)
        monkeypatch.delitem(sys.modules, f"voxdag.training.trackers.{name}", raising=False)
        module = importlib.import_module(f"voxdag.training.trackers.{name}")
        settings = {"seed": 1, "train": {"lr": 0.1}} if settings is None else settings
        tracker = module.start(Training("ab12cd34", resumed, tmp_path / "runs", "aasist", "seed-1", settings))
        for event in EVENTS:
            tracker.tell(*event)
        tracker.flush()
        tracker.close(succeeded)
        monkeypatch.delitem(sys.modules, f"voxdag.training.trackers.{name}")
        return tracker

    return started


def wandb(run, begun):
    """A package whose `init` gives `run` and puts what it was called with into `begun`."""

    def init(**named):
        begun.update(named)
        return run

    class Settings(dict):
        model_fields = ("console", "x_transaction_log_flush_interval")

        def __init__(self, **named):
            super().__init__(named)

    return {"wandb": {"init": init, "Settings": Settings}}


def test_wandb_has_a_run_a_member_in_the_group_of_its_system_offline(start, tmp_path):
    begun, run = {}, Calls()
    start("wandb", wandb(run, begun))
    assert (begun["project"], begun["group"], begun["name"]) == ("voxdag", "aasist", "seed-1")
    assert (begun["id"], begun["resume"], begun["mode"]) == ("ab12cd34", "allow", "offline")
    assert begun["dir"] == tmp_path / "runs" and begun["dir"].is_dir()
    assert begun["config"] == {"seed": 1, "train": {"lr": 0.1}}
    assert begun["settings"] == {"console": "off", "x_transaction_log_flush_interval": 1.0}
    assert run.of("finish") == [(("exit_code", 0),)]


def test_wandb_binds_each_name_to_its_clock_by_its_exact_name_before_its_first_value(start):
    run = Calls()
    start("wandb", wandb(run, {}))
    bound = {words[0]: dict(words[1:]) for words in run.of("define_metric")}
    step, epoch = {"step_metric": "train/global_step"}, {"step_metric": "epoch"}
    assert bound == {"train/global_step": {}, "train/loss": step, "train/lr": step, "train/skipped": step} | {
        "epoch": {},
        "epoch/dev_eer": epoch,
    }
    assert len(run.of("define_metric")) == len(bound) and not any("*" in name for name in bound)
    seen = set()
    for name, words, _ in run:
        seen |= {words[0]} if name == "define_metric" else set()
        assert name != "log" or words[0].keys() <= seen


def test_wandb_drops_nothing_since_its_own_step_never_falls(start):
    run = Calls()
    start("wandb", wandb(run, {}))
    assert run.of("log") == [
        ({axis: place, **values}, ("step", number), ("commit", True)) for number, axis, place, values in EVENTS
    ]


@pytest.mark.parametrize(
    ("variables", "mode"), [({"WANDB_MODE": "online"}, None), ({"WANDB_API_KEY": "x"}, None), ({}, "offline")]
)
def test_wandb_is_offline_unless_the_environment_says_otherwise(start, monkeypatch, variables, mode):
    begun, fixture = {}, start
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    fixture("wandb", wandb(Calls(), begun))
    assert begun["mode"] == mode


def test_wandbs_own_variables_hold_and_a_killed_run_is_said_to_have_failed(start, monkeypatch):
    begun, run = {}, Calls()
    monkeypatch.setenv("WANDB_DIR", "/elsewhere")
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    start("wandb", wandb(run, begun), succeeded=False)
    assert begun["dir"] is None and begun["project"] == "mine" and run.of("finish") == [(("exit_code", 1),)]


@pytest.mark.parametrize("resumed", [False, True])
def test_tensorboard_has_a_folder_a_run_and_each_value_at_its_place_on_its_clock(start, tmp_path, resumed):
    folders, writer = [], Calls()
    start(
        "tensorboard",
        {"torch.utils.tensorboard": {"SummaryWriter": lambda folder: folders.append(folder) or writer}},
        resumed,
    )
    assert folders == [tmp_path / "runs/tensorboard/aasist/seed-1-ab12cd34"]
    assert writer.of("add_scalar") == [
        (name, value, place) for _, _, place, values in EVENTS for name, value in values.items()
    ]
    assert len(writer.of("add_text")) == (not resumed) and writer[-1][0] == "close" and writer.of("flush") == [()]


@pytest.mark.parametrize("resumed", [False, True])
def test_dvclive_stays_out_of_the_pipeline_and_has_one_clock_at_a_time(start, tmp_path, resumed):
    begun, seen = {}, []

    class Live:
        def __init__(self, folder, **named):
            begun.update(folder=folder, **named)
            self.step = self.params = None

        def log_metric(self, name, value):
            seen.append((self.step, name, value))

        def log_params(self, values):
            self.params = values

        def make_summary(self):
            seen.append("summary")

    tracker = start("dvclive", {"dvclive": {"Live": Live}}, resumed)
    off = {"dvcyaml": False, "report": None, "save_dvc_exp": False, "monitor_system": False}
    assert begun == {"folder": str(tmp_path / "runs/dvclive/aasist/seed-1-ab12cd34"), "resume": resumed} | off
    assert (tracker.live.params is None) == resumed
    told = [(place, name, value) for _, _, place, values in EVENTS for name, value in values.items()]
    assert seen == [*told, "summary", "summary"]


class MlflowClient(Calls):
    """Runs and experiments of a server, as its client sees them; two processes may make one experiment."""

    def __init__(self, uri, runs=(), rival=False):
        super().__init__()
        self.uri, self.runs, self.rival, self.experiment = uri, runs, rival, None

    def get_experiment_by_name(self, name):
        return self.experiment and SimpleNamespace(experiment_id=self.experiment)

    def create_experiment(self, name):
        self.experiment = f"id of {name}"
        if self.rival:
            raise sys.modules["mlflow.exceptions"].MlflowException("it exists")
        return self.experiment

    def search_runs(self, experiments, words):
        self.append(("search_runs", (experiments, words), {}))
        return self.runs

    def create_run(self, experiment, **named):
        self.append(("create_run", (experiment,), named))
        return SimpleNamespace(info=SimpleNamespace(run_id="new"))


def mlflow(clients, **changes):
    def client(uri):
        clients.append(MlflowClient(uri, **changes))
        return clients[-1]

    return {
        "mlflow": {},
        "mlflow.entities": {"Metric": lambda *words: words},
        "mlflow.exceptions": {"MlflowException": type("MlflowException", (Exception,), {})},
        "mlflow.tracking": {"MlflowClient": client},
    }


@pytest.mark.parametrize("rival", [False, True])
def test_mlflow_has_a_run_a_member_with_its_settings_and_the_clock_of_each_metric(start, tmp_path, rival):
    clients = []
    start("mlflow", mlflow(clients, rival=rival), settings={"seed": 1, "train": {"lr": 0.1, "long": "x" * 600}})
    (client,) = clients
    assert client.uri == (tmp_path / "runs/mlflow").as_uri()
    ((experiment, (_, tags), (_, name)),) = client.of("create_run")
    assert (experiment, name) == ("id of voxdag", "aasist seed-1")
    assert tags == {"voxdag.run": "ab12cd34", "system": "aasist", "member": "seed-1"}
    assert client.of("log_param") == [
        ("new", "seed", "1"), ("new", "train.lr", "0.1"), ("new", "train.long", "x" * 500),
    ]  # fmt: skip
    ((run, (_, metrics)),) = client.of("log_batch")
    assert run == "new" and [(name, value, place) for name, value, _, place in metrics] == [
        (name, value, place) for _, _, place, values in EVENTS for name, value in values.items()
    ]
    assert client.of("set_terminated") == [("new", "RUNNING"), ("new", "FINISHED")]


def test_mlflow_takes_up_the_run_of_that_id_where_the_environment_says_it_is(start, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    clients = []
    runs = [SimpleNamespace(info=SimpleNamespace(run_id="old"))]
    start("mlflow", mlflow(clients, runs=runs), resumed=True, succeeded=False)
    (client,) = clients
    assert client.uri == "http://server" and client.of("create_run") == [] and client.of("log_param") == []
    assert client.of("search_runs") == [(["id of mine"], "tags.`voxdag.run` = 'ab12cd34'")]
    assert client.of("set_terminated") == [("old", "RUNNING"), ("old", "KILLED")]


def test_there_is_a_module_for_each_package_and_no_other():
    folder = Path(sys.modules["voxdag.training.tracking"].__file__).with_name("trackers")
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(PACKAGES)
