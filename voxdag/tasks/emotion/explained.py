"""Speech emotion recognition in words: its metrics and figures, and what others published."""

from __future__ import annotations

from voxdag.tasks.explained import PERCENT, Measure, Published

TITLE = "Speech emotion recognition"
QUESTION = "Which emotion does a speaker, whom the system has never heard, act in this recording?"
USE = "Research on recognising acted emotions of speakers who were not heard in training."
MISUSE = (
    "Any judgement of what a person feels. Labels of these corpora are what actors were asked to act or what listeners "
    "heard, not what anyone felt; accuracy differs a lot from speaker to speaker."
)
APART = "speaker"
HUB_TASK = "audio-classification"
TAGS = ("speech-emotion-recognition",)
NETWORK_SAYS = (
    "one for each of neutral, calm, happy, sad, angry, fearful, disgust, surprised, bored: the metadata of the file "
    "(`buffers`) say which were in training, and the temperature that divides them before a softmax"
)
LEADING = ("uar", "war", "macro_f1", "ece")
MEASURES = {
    "uar": Measure(
        "UAR",
        "Unweighted average recall: the share that is recognised of each emotion, averaged over emotions, so that "
        "frequent ones do not count more; chance is 1 / the number of emotions.",
        PERCENT,
        1,
    ),
    "war": Measure(
        "WAR", "Weighted average recall: the share of all recordings that is recognised (accuracy).", PERCENT, 1
    ),
    "macro_f1": Measure("Macro F1", "Mean over emotions of the harmonic mean of precision and recall.", PERCENT, 1),
    "precision": Measure("Precision", "Of the recordings called this emotion, the share that is.", PERCENT, 1),
    "recall": Measure("Recall", "Of the recordings of this emotion, the share that is called so.", PERCENT, 1),
    "f1": Measure("F1", "Harmonic mean of precision and recall.", PERCENT, 1),
    "ece": Measure(
        "ECE",
        "Expected calibration error: how far stated confidence is from accuracy, after temperature scaling on dev; 0 "
        "is perfect.",
        PERCENT,
        1,
    ),
    "ece_uncalibrated": Measure("ECE before scaling", "The same before temperature scaling.", PERCENT, 1),
}
FIGURES = {
    "confusion": "Confusion: which emotion was taken for which",
    "class_bars": "Precision, recall and F1 of each emotion",
    "reliability": "Reliability: accuracy against stated confidence",
    "speakers": "Unweighted average recall by speaker",
    "folds": "Unweighted average recall by fold",
    "history": "Training: losses and dev criteria by epoch",
    "uar": "Unweighted average recall of all systems and baselines, with intervals",
    "recall": "Recall of each emotion, all systems",
}

_RESLSTM = "Mak-Sim/ResLSTM-SER (README, results); arXiv 2606.03359"
_FOLDS = "five folds by actor of its own; the standard ones here are the six of EmoBox"
_EMO_SUPERB = "EMO-SUPERB (emosuperb.github.io)"
_CROWD = "labels of listeners, and EMO-SUPERB's own macro F1; here labels are what actors acted"
PUBLISHED = (
    Published(
        "ravdess", "ResLSTM-SA, 46.8 K parameters", {"uar": 0.6232}, _RESLSTM, f"mean of ten seeds (sd 1.2 %); {_FOLDS}"
    ),
    Published(
        "ravdess",
        "wav2vec 2.0 XLSR, fine-tuned, 317 M parameters",
        {"uar": 0.8182},
        _RESLSTM,
        "as quoted there; heard other speech before",
    ),
    Published(
        "ravdess",
        "PANNs CNN14, 81 M parameters",
        {"uar": 0.7658},
        _RESLSTM,
        "as quoted there; heard other audio before",
    ),
    Published("crema_d", "APC, 4 M parameters", {"macro_f1": 0.608}, _EMO_SUPERB, _CROWD),
    Published("crema_d", "WavLM large", {"macro_f1": 0.673}, _EMO_SUPERB, _CROWD),
    Published("crema_d", "XLS-R 1B", {"macro_f1": 0.676}, _EMO_SUPERB, _CROWD),
    Published(
        "iemocap",
        "DistilHuBERT, 8 bits",
        {"uar": 0.614},
        "arXiv 2512.23435",
        "four classes; heard other speech before",
    ),
)
