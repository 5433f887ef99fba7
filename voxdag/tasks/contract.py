"""What a task offers to the stages: a folder of voxdag/tasks with one module for each of these, loaded by name.

    data.py         which utterances, and the types of their columns         prepare, and all that reads tables (*)
    learner.py      networks, optimizers, a training step, criteria on dev   train
    inference.py    one row per recording, or audio                          train (dev), evaluate, voxdag.predict
    measures.py     one row per recording of that audio; else it has none    evaluate
    criteria.py     what selects checkpoints on dev                          train, evaluate
    report.py       headline, intervals, breakdown of predictions            evaluate, baseline, breakdown, compare (*)
    figures.py      pictures and their tables                                plot, compare (*)
    baseline.py     what systems have to beat; a task may have none          baseline
    score_file.py   predictions as the field exchanges them; likewise        evaluate, transfer, external
    decision.py     what a score means: a decision and its expected errors   evaluate, voxdag.predict (*)
    transfer.py     metrics elsewhere at what dev froze; likewise            transfer, external, compare (*)
    page.py         words and pictures of one file; likewise                 voxdag.serve
    clean.py, embed.py, synthesize.py   shards to shards; likewise           the stage of that name
    explained.py    the task in words, and what others published; likewise   voxdag.report (*)

A stage loads only the modules that it needs, so a changed figure retrains nothing. Those with (*) import neither torch
nor what does, so that breakdown, plot and compare depend on no network: arrays of targets may stand in data.py, tensors
in learner.py. `tests/tasks/test_contract.py` compares every task with these protocols, name by name and signature by
signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from voxdag.data.members import Member
from voxdag.data.shards import Row, Shards, Tracks
from voxdag.figures.plot import Plot
from voxdag.scoring import tables
from voxdag.scoring.members import Members
from voxdag.scoring.tables import Scoring as ScoringSettings
from voxdag.synthesis.conditions import Conditions
from voxdag.synthesis.place import Place
from voxdag.tasks.explained import Measure, Published
from voxdag.tasks.shown import Enhanced, Scored, Shown
from voxdag.training.learner import Learner as TrainingLearner
from voxdag.training.learner import Materials

Predictions = Mapping[str, pd.DataFrame]  # split -> one row per utterance and member
Tables = Mapping[str, Mapping[str, pd.DataFrame]]  # split -> the corpus's other tables by name
Recordings = Sequence[np.ndarray]  # int16, (n,) each
Recording = tuple[Row, Mapping[str, np.ndarray]]  # row of the index, track -> array (rows, *shape)


class Data(Protocol):
    """COLUMNS: the columns that a manifest of this task must have, and their types.

    A task whose recordings have several files each (noisy and clean) also has TRACKS: track -> the column of the
    manifest with the path of its file, all of one recording equally long. Without it there is one track, wave, of the
    column path.
    """

    COLUMNS: Mapping[str, type]

    def select(self, splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """The utterances of each split that the task can use. Raises Refused for what a manifest must not hold."""


class Learner(Protocol):
    """Settings: a frozen dataclass, the section `objective` of a system."""

    Settings: type

    def make(self, materials: Materials, settings: object, scoring: object) -> TrainingLearner:
        """The learner (see `voxdag.training.learner`); `scoring` are the inference module's Settings."""


class Inference(Protocol):
    """Settings         frozen dataclass, the section `inference` of a system; has `batch_size` and `samples`
    RATE             Hz, of the recordings that it takes
    TAKES            what networks of this task may take (see models/__init__.py)
    OUTPUT_SIZE      outputs of a network
    BUFFERS          what the task fits after training, name -> value before it: registered beside the network's own
    OUTPUTS          columns that `outputs` gives
    DRAWN            column -> its name in a picture: what is drawn along a recording
    DRAWN_AXIS       the name of their axis
    CROPS            whether a network hears `samples` of a recording, from its start; else it hears all of it
    """

    Settings: type
    RATE: int
    TAKES: tuple[str, ...]
    OUTPUT_SIZE: int
    BUFFERS: Mapping[str, Tensor]
    OUTPUTS: tuple[str, ...]
    DRAWN: Mapping[str, str]
    DRAWN_AXIS: str
    CROPS: bool

    def average(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """What several networks say of the same recordings (tables of `outputs`), on the average."""

    def outputs(
        self, network: nn.Module, recordings: Recordings, settings: object, device: torch.device
    ) -> pd.DataFrame:
        """What the network says of recordings of which nothing else is known: one row each, columns OUTPUTS."""


class RowInference(Inference, Protocol):
    """Of a task whose predictions are rows."""

    def predict(
        self,
        network: nn.Module,
        shards: Shards,
        settings: object,
        device: torch.device,
        tables: Mapping[str, pd.DataFrame],
    ) -> pd.DataFrame:
        """One row per recording, in the index's order: what the index says of it, and what the network says."""


class WaveInference(Inference, Protocol):
    """Of a task whose predictions are audio, which evaluate packs and has measured (see `Measures`)."""

    def enhance(
        self, network: nn.Module, recordings: Recordings, settings: object, device: torch.device
    ) -> Iterator[np.ndarray]:
        """What the network makes of each recording, as long as it was: (n,) float32, full scale at 1, in bounded memory
        whatever its length. Raises NotFinite for an output that is no number."""

    def tracks(self, shards: Shards) -> Tracks:
        """The tracks of what `enhanced` gives."""

    def enhanced(
        self, network: nn.Module, shards: Shards, settings: object, device: torch.device
    ) -> Iterator[Recording]:
        """What the network makes of each recording, in the index's order."""


class Measures(Protocol):
    """Measuring audio that a network made. It stands apart from what makes it, which training needs: a changed metric
    trains nothing anew."""

    def predict(self, network: nn.Module, shards: Shards, made: Shards) -> pd.DataFrame:
        """One row per recording, in the index's order: what the index says of it, and what is measured of the audio in
        `made`, which `WaveInference.enhanced` gave."""


class Report(Protocol):
    """PREDICTIONS           the types of the columns that predictions add to the manifest's, as far as they are no text
    INTERVALS, BREAKDOWN  the types of the columns of those tables
    HIGHER                the metrics of which the higher value is the better; of the others it is the lower

    Where an utterance may have no value of a metric it also has `common(a, b)`: see `paired.Common`.
    """

    Scoring: type[ScoringSettings]
    PREDICTIONS: Mapping[str, type]
    INTERVALS: Mapping[str, type]
    BREAKDOWN: Mapping[str, type]
    HIGHER: frozenset[str]

    def headline(self, predictions: Predictions, tables: Tables) -> dict[str, float | None]:
        """At most eight numbers that stand for a system."""

    def intervals(self, predictions: Predictions, tables: Tables, scoring: ScoringSettings, seed: int) -> pd.DataFrame:
        """The metrics on eval with their intervals."""

    def breakdown(self, predictions: Predictions, tables: Tables, scoring: ScoringSettings, seed: int) -> pd.DataFrame:
        """The metrics on eval group by group."""

    def member_values(self, predictions: Predictions, tables: Tables) -> pd.DataFrame:
        """The metrics of each member on eval."""

    def statistic(self, predictions: Predictions, tables: Tables) -> Members:
        """What scores the members on eval under any resampling."""


class Figures(Protocol):
    """Pictures of one system, and of all systems of the task.

    OF_BASELINES  (where there are any) names of figures of one system that are drawn of baselines too, beside systems
    """

    def figures(
        self, dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, history: pd.DataFrame
    ) -> dict[str, Plot]:
        """The figures of one system, by name: one or more."""

    def comparison(self, tables: Mapping[str, pd.DataFrame], intervals: pd.DataFrame) -> dict[str, Plot]:
        """Those of all systems: `tables` are the figures' by name, with a column system."""


class WaveFigures(Figures, Protocol):
    """Of a task whose predictions are audio: also what shows some of it."""

    def examples(self, recordings: Shards, enhanced: Shards) -> dict[str, Plot]:
        """Pictures, by name, of a few recordings of eval and of what one member made of them, in the same order."""


class Baseline(Protocol):
    """Settings: a frozen dataclass, the section `settings` of a baseline."""

    Settings: type

    def predict(
        self, splits: Mapping[str, Shards], tables: Tables, settings: object, seed: int
    ) -> dict[str, pd.DataFrame]:
        """Predictions of a fold's dev and eval, in the columns of the systems'."""


class ScoreFile(Protocol):
    """Predictions as the field exchanges them. That of a task with transfer.py also has read(path, trials), which gives
    the trials of a protocol with what a file of others says of them."""

    def write(self, path: Path, predictions: pd.DataFrame) -> None:
        """Write them, those of several members to a file each (see `score_files`)."""


class Decision(Protocol):
    """FITTED   the types of the numbers that `fit` gives: a threshold, counts, rates (NaN where dev has none)
    DECIDED  columns that `decide` gives

    Where outputs can be calibrated it also has `calibrated(outputs, fitted)`: those of one member with further columns,
    CALIBRATED, by what `fit` gave of it. These are averaged over members and segments as the others are, and `decide`
    finds them; the table that it is given may have a column `prior`, which the command line states.
    """

    FITTED: Mapping[str, type]
    DECIDED: tuple[str, ...]

    def fit(self, dev: pd.DataFrame) -> dict[str, float]:
        """What decisions need of one member's predictions on dev, and how often they err there."""

    def decide(self, outputs: pd.DataFrame, fitted: pd.DataFrame) -> pd.DataFrame:
        """One row per row of `outputs` (tables of `Inference.outputs`, averaged over members), columns DECIDED.

        fitted: of each of these members what `fit` gave. A task whose FITTED has `threshold` decides by a number: it
        takes a table with that column alone.
        """


class Transfer(Protocol):
    """What a system does on further recordings, at the thresholds and the calibration that its own dev gave.

    MEASURES  what its tables are about: errors and costs, the lower the better; COLUMNS: their types
    SHOWN     what the picture of the matrix has: metric -> its words, and whether it is written in per cent
    """

    MEASURES: tables.Measures
    COLUMNS: Mapping[str, type]
    SHOWN: Mapping[str, tuple[str, bool]]

    def frozen(self, dev: pd.DataFrame) -> Mapping[Member, object]:
        """What each member's predictions on dev freeze. Raises Refused for predictions that give nothing."""

    def intervals(
        self, dev: pd.DataFrame | None, predictions: pd.DataFrame, scoring: ScoringSettings, seed: int
    ) -> pd.DataFrame:
        """The metrics of predictions on further recordings, with their intervals, as `tables.intervals` makes them;
        without dev those that need nothing frozen.

        Raises Refused for a member that dev does not have."""


class Page(Protocol):
    """What the web page shows of a file. It reads rows as `voxdag.predict` has them, and lays nothing out.

    TITLE  the task, in words
    ABOUT  what a system of it says of a file, and what that does not say
    """

    TITLE: str
    ABOUT: str

    def headline(self, row: Mapping[str, Any]) -> str:
        """What a row comes down to, in a few words."""

    def listed(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Of one of several files, what stands beside the headline: shortened numbers by what they are, in the order in
        which they are asked for."""


class RowPage(Page, Protocol):
    """Of a task whose predictions are rows."""

    def shown(self, scored: Scored) -> Shown:
        """A file's numbers with what they mean, and pictures."""


class WavePage(Page, Protocol):
    """Of a task whose predictions are audio.

    MEASURED  columns that `measured` gives, beside those of `voxdag.predict`
    """

    MEASURED: tuple[str, ...]

    def measured(self, before: np.ndarray, after: np.ndarray, rate: int) -> dict[str, float]:
        """What is measured of waves (n, channels) without a clean one beside them; NaN where that is undefined."""

    def shown(self, enhanced: Enhanced) -> Shown:
        """A file's numbers with what they mean, and pictures; the row has the columns MEASURED."""


class Between(Protocol):
    """What the modules of the three stages between have in common.

    Settings              a frozen dataclass, the section `settings` of an entry of `cleaned`, `embedded`, `synthetic`
    OUTPUT_SIZE, BUFFERS  as in Inference, of the networks that it takes
    """

    Settings: type
    OUTPUT_SIZE: int
    BUFFERS: Mapping[str, Tensor]


class Clean(Between, Protocol):
    """KEEPS_LENGTHS: whether what is made of a track is as long as the track was."""

    KEEPS_LENGTHS: bool

    def tracks(self, network: nn.Module | None, shards: Shards, settings: object) -> Tracks:
        """The tracks of what `clean` gives. Raises Refused for a rate or a track that it does not take."""

    def clean(
        self, network: nn.Module | None, shards: Shards, settings: object, device: torch.device
    ) -> Iterator[Recording]:
        """What is made of each recording in the index's order: a row with its id, and what else the index is to say."""


class Embed(Between, Protocol):
    """A frozen front end: recordings as embeddings."""

    def tracks(self, network: nn.Module | None, shards: Shards, settings: object) -> Tracks:
        """The tracks of what `embed` gives. Raises Refused for a rate or a track that it does not take."""

    def embed(
        self, network: nn.Module | None, shards: Shards, settings: object, device: torch.device
    ) -> Iterator[Recording]:
        """What the network says of each recording in the index's order, as `Clean.clean` gives it."""


class Synthesize(Between, Protocol):
    """Recordings that are made up, added to train alone."""

    def synthesize(
        self, network: nn.Module | None, shards: Shards, settings: object, place: Place
    ) -> Iterator[Recording]:
        """Recordings that are made up from those of a fold's train split alone: each a row of the index, with an id of
        its own, and arrays in the tracks of `shards`. What is fitted to them is written to the place's folder.

        Raises Refused for a rate or a track that it does not take."""


class MelSynthesize(Synthesize, Protocol):
    """By a GAN on log-mels (`voxdag.synthesis`), of which quality is measured.

    RATE  Hz, of the recordings
    """

    RATE: int

    def fitted_to(self, index: pd.DataFrame) -> np.ndarray:
        """Which recordings of an index a generator is fitted to: (n,) bool."""

    def conditions(self, index: pd.DataFrame) -> Conditions:
        """What it is told of them."""


class Explained(Protocol):
    """The task in words, for a reader who does not know it.

    TITLE, QUESTION   its name, and what is learned
    USE, MISUSE       what a system of it is for, and what it is not for: sentences of a model card
    APART             what no two splits share, and what intervals draw: speakers, or what a corpus has in their place
    HUB_TASK, TAGS    how the model hub names such systems (pipeline_tag, tags)
    NETWORK_SAYS      what comes out of a network, for who runs its ONNX file alone
    LEADING           the metrics that stand for a system, the first before the others
    MEASURES          metric -> its words, unit and digits, of those of intervals, breakdown and matrix
    FIGURES           name of a figure -> what it shows
    PUBLISHED         what others reported, by the corpora of params.yaml
    """

    TITLE: str
    QUESTION: str
    USE: str
    MISUSE: str
    APART: str
    HUB_TASK: str
    TAGS: tuple[str, ...]
    NETWORK_SAYS: str
    LEADING: tuple[str, ...]
    MEASURES: Mapping[str, Measure]
    FIGURES: Mapping[str, str]
    PUBLISHED: tuple[Published, ...]


MODULES: dict[str, type] = {
    "data": Data,
    "learner": Learner,
    "inference": Inference,
    "report": Report,
    "figures": Figures,
}
OPTIONAL: dict[str, type] = {
    "measures": Measures,
    "baseline": Baseline,
    "score_file": ScoreFile,
    "decision": Decision,
    "transfer": Transfer,
    "page": Page,
    "clean": Clean,
    "embed": Embed,
    "synthesize": Synthesize,
    "explained": Explained,
}
