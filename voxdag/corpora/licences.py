"""Under which licence each corpus, and each file of weights that others trained, is given away.

docs/CORPORA.md says the same in words. No stage imports this: a corrected licence reruns nothing.

An empty `spdx` means that there is no licence of that list: `terms` say what holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """spdx        identifier of the SPDX list, or empty
    terms       in words, as far as who gives it away states them
    commercial  whether commercial use is allowed; None: not stated, or not alike for all of it
    place       where it is given away
    """

    spdx: str
    terms: str
    commercial: bool | None
    place: str


SIMULATED = Licence("MIT", "made by voxdag itself, under its own licence", True, "made by the pipeline")
OWN = Licence("", "your own recordings keep their licence", None, "not published")
UNKNOWN = Licence("", "not known", None, "not known")

CORPORA: Mapping[str, Licence] = {
    "asvspoof2019_la": Licence(
        "ODC-By-1.0", "Open Data Commons Attribution", True, "datashare.ed.ac.uk/handle/10283/3336"
    ),
    "asvspoof2021_df": Licence("ODC-By-1.0", "Open Data Commons Attribution", True, "zenodo.org/records/4835108"),
    "asvspoof2021_la": Licence("ODC-By-1.0", "Open Data Commons Attribution", True, "zenodo.org/records/4837263"),
    "asvspoof5": Licence("ODC-By-1.0", "Open Data Commons Attribution", True, "zenodo.org/records/14498691"),
    "crema_d": Licence("ODbL-1.0", "Open Database License", True, "github.com/CheyneyComputerScience/CREMA-D"),
    "deam": Licence("", "not for commercial use", False, "cvml.unige.ch/databases/DEAM"),
    "dns": Licence(
        "",
        "clean speech CC BY 4.0 (LibriVox and others); noises of AudioSet and Freesound under their own licences",
        None,
        "github.com/microsoft/DNS-Challenge",
    ),
    "emodb": Licence("", "free, to be cited (Burkhardt et al., 2005)", None, "emodb.bilderbar.info/download"),
    "in_the_wild": Licence(
        "CC-BY-SA-4.0", "Creative Commons, as its card says", True, "huggingface.co/datasets/mueller91/In-The-Wild"
    ),
    "iemocap": Licence("", "for research, on request", None, "sail.usc.edu/iemocap"),
    "mixture": OWN,
    "ms_snsd": Licence("", "program MIT; sounds under their own licences", None, "github.com/microsoft/MS-SNSD"),
    "ravdess": Licence("CC-BY-NC-SA-4.0", "Creative Commons", False, "zenodo.org/records/1188976"),
    "savee": Licence("", "free for research, on registration", None, "kahlan.eps.surrey.ac.uk/savee"),
    "simulated_emotional": SIMULATED,
    "simulated_la": SIMULATED,
    "simulated_music": SIMULATED,
    "simulated_noisy": SIMULATED,
    "voicebank_demand": Licence("CC-BY-4.0", "Creative Commons", True, "datashare.ed.ac.uk/handle/10283/2791"),
}

FOLDERS: Mapping[str, Licence] = {  # of sounds that training mixes in, by the first part of their path
    "musan": Licence("CC-BY-4.0", "Creative Commons", True, "openslr.org/17"),
    "rirs_noises": Licence("Apache-2.0", "Apache License", True, "openslr.org/28"),
}

_AASIST = Licence("MIT", "MIT", True, "github.com/clovaai/aasist")
_DEIT = Licence("Apache-2.0", "Apache License", True, "github.com/facebookresearch/deit")
_TORCHAUDIO = Licence("MIT", "MIT", True, "download.pytorch.org/torchaudio/models")
WEIGHTS: Mapping[str, Licence] = {  # by the file's name
    "AASIST.pth": _AASIST,
    "AASIST-L.pth": _AASIST,
    "audioset_10_10_0.4593.pth": Licence("BSD-3-Clause", "BSD", True, "github.com/YuanGongND/ast"),
    "deit_base_distilled_patch16_384-d0272ac0.pth": _DEIT,
    "deit_small_distilled_patch16_224-649709d9.pth": _DEIT,
    "dns64-a7761ff99a7d5bb6.th": Licence(
        "CC-BY-NC-4.0", "Creative Commons", False, "github.com/facebookresearch/denoiser"
    ),
    "wav2vec2_fairseq_base_ls960.pth": _TORCHAUDIO,
    "wavlm_base_plus.pth": _TORCHAUDIO,
}


def of_corpus(name: str, options: Mapping[str, object]) -> Licence:
    """That of the corpus that a reader reads with these options. Where they say that it is not the official one, it is
    another in its layout."""
    if options.get("official") is False:
        return Licence("", f"not known: another corpus in the layout of {name}", None, "not known")
    return CORPORA.get(name, UNKNOWN)


def of_folder(path: str) -> Licence:
    """That of a folder of sounds, below the corpora folder."""
    return FOLDERS.get(path.partition("/")[0], UNKNOWN)


def of_weights(name: str) -> Licence:
    """That of a file of weights that others trained."""
    return WEIGHTS.get(name, UNKNOWN)
