"""Anti-spoofing in words: its metrics and figures, and what others published."""

from __future__ import annotations

from voxdag.tasks.explained import PERCENT, Measure, Published

TITLE = "Speech anti-spoofing"
QUESTION = (
    "Was this speech spoken by a person (bona fide), or made by speech synthesis or voice conversion (spoofed)? A "
    "system gives each recording a score, higher for bona fide speech."
)
USE = (
    "Research on countermeasures against synthetic and converted speech: a score for each recording, and a decision at "
    "a threshold that was chosen on the dev split."
)
MISUSE = (
    "Any decision about a person. An error rate holds for the attacks, channels and speakers that it was measured on; "
    "attacks that were not heard in training are often missed."
)
APART = "speaker"
HUB_TASK = "audio-classification"
TAGS = ("anti-spoofing", "deepfake-detection")
NETWORK_SAYS = (
    "first of spoofed, then of bona fide speech: the score is the second less the first (or, as scoring.inference in "
    "bundle.json says, the second alone)"
)
LEADING = ("eer", "min_dcf", "act_dcf", "cllr", "min_tdcf_legacy2019", "min_tdcf_revised2021")

_COSTS = "at the costs of ASVspoof 5; 0 is perfect, 1 is as bad as deciding without listening"
_MAPPED = "of scores that a map fitted to dev turned into log-likelihood ratios"
MEASURES = {
    "eer": Measure(
        "EER",
        "Equal error rate: the share of errors at the threshold where as many bona fide recordings are rejected as "
        "spoofed ones are accepted, found on eval itself; 0 % is perfect, 50 % is chance.",
        PERCENT,
        1,
    ),
    "min_dcf": Measure("minDCF", f"Detection cost at the threshold that is best on eval itself, {_COSTS}."),
    "act_dcf": Measure("actDCF", f"Detection cost when scores are taken as log-likelihood ratios, {_COSTS}."),
    "cllr": Measure("Cllr", "Cost of taking scores as log-likelihood ratios; 0 is perfect, 1 says nothing.", "bits"),
    "min_cllr": Measure("min Cllr", "Cllr that the best monotone map of eval's scores would reach.", "bits"),
    "min_tdcf_legacy2019": Measure(
        "min t-DCF (2019)",
        "Cost of the countermeasure in tandem with a speaker verifier, in the form of ASVspoof 2019; lower is better.",
    ),
    "min_tdcf_revised2021": Measure(
        "min t-DCF (2021)",
        "The same in the form of ASVspoof 2021, which stands on another scale: the two are never compared.",
    ),
    "auc": Measure(
        "AUC", "Chance that a bona fide recording scores higher than a spoofed one; 1 is perfect, 0.5 chance."
    ),
    "affine_act_dcf": Measure("actDCF, affine", f"actDCF {_MAPPED} (affine map)."),
    "affine_cllr": Measure("Cllr, affine", f"Cllr {_MAPPED} (affine map).", "bits"),
    "isotonic_act_dcf": Measure("actDCF, isotonic", f"actDCF {_MAPPED} (isotonic map)."),
    "isotonic_cllr": Measure("Cllr, isotonic", f"Cllr {_MAPPED} (isotonic map).", "bits"),
    "miss_rate": Measure("Rejected", "Share of bona fide recordings below the threshold that dev chose.", PERCENT, 1),
    "false_alarm_rate": Measure("Accepted", "Share of spoofed recordings above that threshold.", PERCENT, 1),
    "hter": Measure("HTER", "Half total error rate: the mean of the two at that threshold.", PERCENT, 1),
}
FIGURES = {
    "eer": "Equal error rate of all systems, with intervals",
    "det": "Detection error trade-off: the share of bona fide speech that is rejected against the share of spoofs that "
    "are accepted, at every threshold; lower left is better",
    "det_by_attack": "Detection error trade-off for each attack",
    "roc": "Receiver operating characteristic",
    "scores": "Scores of bona fide and of spoofed recordings, with the threshold that dev chose",
    "attacks": "Equal error rate by attack, with intervals",
    "attack_scores": "Scores by attack",
    "confusion": "Decisions at the threshold that dev chose",
    "calibration": "Cost of taking scores as log-likelihood ratios, at all priors",
    "history": "Training: losses and dev criteria by epoch",
    "matrix": "Systems by further recordings, at what each froze on its own dev",
}

_OFFICIAL = "official program, clovaai/aasist (README); Jung et al., ICASSP 2022"
_ON_EVAL = "the checkpoint was chosen on eval; here it is chosen on dev"
_ARENA = "Speech Anti-Spoofing Arena (huggingface.co/SpeechAntiSpoofingBenchmarks)"
_ALL_TRIALS = "of all trials, progress and hidden ones too; the subset eval alone is the default here"
_ONE_RUN = "one training of the official recipe; its best checkpoint was chosen on eval"
PUBLISHED = (
    Published("asvspoof2019_la", "AASIST", {"eer": 0.0083, "min_tdcf_legacy2019": 0.0275}, _OFFICIAL, _ON_EVAL),
    Published("asvspoof2019_la", "AASIST-L", {"eer": 0.0099, "min_tdcf_legacy2019": 0.0309}, _OFFICIAL, _ON_EVAL),
    Published(
        "asvspoof2019_la",
        "AASIST, trained again",
        {"eer": 0.0149, "min_tdcf_legacy2019": 0.047},
        "clovaai/aasist, issue 7",
        _ONE_RUN,
    ),
    Published(
        "asvspoof2019_la",
        "AASIST, trained again",
        {"eer": 0.01335, "min_tdcf_legacy2019": 0.0387},
        "BAILLYaristide/AASIST-integrative-project, resultats.md",
        _ONE_RUN,
    ),
    Published(
        "asvspoof2019_la",
        "RawGAT-ST (mul)",
        {"eer": 0.010601, "min_tdcf_legacy2019": 0.033539},
        "score file of eurecom-asp/RawGAT-ST-antispoofing, measured with voxdag.score",
        "trained by its authors",
    ),
    Published("asvspoof2021_la", "AASIST", {"eer": 0.1235}, _ARENA, f"trained on ASVspoof 2019 LA; {_ALL_TRIALS}"),
    Published(
        "asvspoof2021_la",
        "wav2vec 2.0 XLS-R and AASIST",
        {"eer": 0.0082},
        "TakHemlata/SSL_Anti-spoofing (README)",
        "trained on ASVspoof 2019 LA; a front end of 300 M parameters that heard other speech before",
    ),
    Published("asvspoof2021_df", "AASIST", {"eer": 0.1704}, _ARENA, f"trained on ASVspoof 2019 LA; {_ALL_TRIALS}"),
    Published(
        "asvspoof2021_df",
        "wav2vec 2.0 XLS-R and AASIST",
        {"eer": 0.0285},
        "TakHemlata/SSL_Anti-spoofing (README)",
        "trained on ASVspoof 2019 LA; a front end of 300 M parameters that heard other speech before",
    ),
    Published("in_the_wild", "AASIST", {"eer": 0.4301}, _ARENA, "trained on ASVspoof 2019 LA"),
    Published("in_the_wild", "AASIST-L", {"eer": 0.4445}, _ARENA, "trained on ASVspoof 2019 LA"),
    Published(
        "in_the_wild",
        "XLS-R with sensitive layer selection (SLS)",
        {"eer": 0.0746},
        "QiShanZhang/SLSforASVspoof-2021-DF (README)",
        "trained on ASVspoof 2019 LA; a front end that heard other speech before",
    ),
    Published(
        "asvspoof5",
        "WavLM base with MHFA, pruned",
        {"min_dcf": 0.1028, "eer": 0.03758},
        "huggingface.co/JYP2024/Wedefense_ASV2025_WavLM_Base_Pruning (README)",
        "one system, its front end trained too",
    ),
    Published(
        "asvspoof5",
        "Fusion of WavLM back ends (T27)",
        {"min_dcf": 0.0937, "eer": 0.0342, "act_dcf": 0.1375, "cllr": 0.1927},
        "arXiv 2409.05032",
        "open condition; several systems fused",
    ),
    Published(
        "asvspoof5", "SZU-AFS", {"min_dcf": 0.115, "eer": 0.0404}, "arXiv 2408.09933", "open condition; systems fused"
    ),
)
