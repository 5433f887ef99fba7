"""Music affect in words: its metrics and figures, and what others published."""

from __future__ import annotations

from voxdag.tasks.explained import Measure, Published

TITLE = "Music affect"
QUESTION = (
    "How pleasant (valence) and how energetic (arousal) do listeners, on the average, call this clip of music? Both "
    "are numbers from -1 to 1."
)
USE = "Research on what listeners say of the valence and arousal of music."
MISUSE = "Any statement on what a listener feels. Labels are means over few annotators, who differ among themselves."
APART = "song"
HUB_TASK = "audio-classification"
TAGS = ("music-emotion-recognition", "regression")
NETWORK_SAYS = "valence and arousal, from -1 to 1: the mean over the crops of a recording is its answer"
LEADING = ("ccc", "ccc_valence", "ccc_arousal", "rmse", "r2_valence", "r2_arousal")

_CCC = "Concordance correlation coefficient"
_R2 = "Share of the variance that is explained"
_CEILING = "What a system without any error would reach, as annotators differ."
_RANGE = "1 is perfect, 0 knows nothing"
MEASURES = {
    "ccc": Measure("CCC", f"{_CCC} of labels and predictions, the mean over valence and arousal; {_RANGE}."),
    "ccc_valence": Measure("CCC valence", f"{_CCC} of valence; {_RANGE}."),
    "ccc_arousal": Measure("CCC arousal", f"{_CCC} of arousal; {_RANGE}."),
    "ceiling_ccc_valence": Measure(
        "CCC valence, ceiling", "What a system without any error would reach, as annotators differ."
    ),
    "ceiling_ccc_arousal": Measure(
        "CCC arousal, ceiling", "What a system without any error would reach, as annotators differ."
    ),
    "r2_valence": Measure("R² valence", f"{_R2} of valence; {_RANGE}, and a constant is below 0."),
    "r2_arousal": Measure("R² arousal", f"{_R2} of arousal; {_RANGE}, and a constant is below 0."),
    "rmse": Measure("RMSE", "Root mean squared error over both, on the scale -1 to 1; lower is better."),
    "rmse_valence": Measure("RMSE valence", "Root mean squared error of valence; lower is better."),
    "rmse_arousal": Measure("RMSE arousal", "Root mean squared error of arousal; lower is better."),
    "bias_valence": Measure("Bias valence", "Mean of prediction minus label; 0 is best."),
    "bias_arousal": Measure("Bias arousal", "Mean of prediction minus label; 0 is best."),
}
FIGURES = {
    "scatter": "Predictions against what annotators said",
    "plane": "Errors over the plane of valence and arousal",
    "quadrants": "Error by quadrant of the plane, with intervals",
    "folds": "Concordance by fold",
    "history": "Training: losses and dev criteria by epoch",
    **{
        name: f"{MEASURES[name].name} of all systems and baselines, with intervals"
        for name in ("ccc", "ccc_valence", "ccc_arousal", "r2_valence", "r2_arousal", "rmse")
    },
}

_MERT = "AMAAI-Lab/Music2Emotion (README); arXiv 2502.03979"
_SPLIT = "the public split, in which artists are in several parts; a front end (MERT) that heard other music before"
_SENTIO = "winzerprince/sentio (README)"
_UNKNOWN = "its split is not documented"
PUBLISHED = (
    Published("deam", "MERT with key and chords", {"r2_valence": 0.5131, "r2_arousal": 0.6025}, _MERT, _SPLIT),
    Published(
        "deam",
        "the same, four corpora and distillation",
        {"r2_valence": 0.5184, "r2_arousal": 0.6228},
        _MERT,
        f"{_SPLIT}; trained on three other corpora too",
    ),
    Published("deam", "XGBoost, 164 features", {"r2_valence": 0.519, "r2_arousal": 0.562}, _SENTIO, _UNKNOWN),
    Published("deam", "Ridge, 164 features", {"r2_valence": 0.478, "r2_arousal": 0.423}, _SENTIO, _UNKNOWN),
)
