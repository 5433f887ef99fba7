"""A gate before all others: a corpus's noisy test set must measure as it was published.

Where it does not, the files, how they were resampled, or a metric is not what published results are of, and no figure
of an enhanced file can be held beside them. The reader of such a corpus gives the table `published_noisy` of eval.
"""

from __future__ import annotations

import pandas as pd

from voxdag.core.errors import Refused

TABLE = "published_noisy"  # among eval's tables: metric, score (mean over the utterances), tolerance


def check(measured: pd.DataFrame, published: pd.DataFrame) -> None:
    """Compare the means of noisy eval utterances with the published ones.

    measured   one row per utterance of eval, a column for each metric of `published`
    published  metric, score, tolerance

    Raises Refused for a metric that was not measured, is undefined for an utterance, or whose mean is further from the
    published one than the tolerance; with all that are.
    """
    lacking = [name for name in published["metric"] if name not in measured]
    if lacking:
        raise Refused(f"the noisy utterances were not measured in {', '.join(lacking)}, of which a mean was published")
    found = [
        _far(measured[row["metric"]], row["metric"], float(row["score"]), float(row["tolerance"]))
        for row in published.to_dict("records")
    ]
    if any(found):
        raise Refused(
            f"the noisy utterances of eval do not measure as published: {'; '.join(filter(None, found))}. Are the "
            "files all of the corpus, resampled with a low pass, and the metrics in their published form?"
        )


def _far(values: pd.Series, metric: str, expected: float, tolerance: float) -> str:
    """What is wrong with a metric, in words; nothing where it is as published."""
    if values.isna().any():
        return f"{metric} is undefined for {values.isna().sum()} of {len(values)}"
    mean = values.mean()
    if abs(mean - expected) <= tolerance:
        return ""
    return f"mean {metric} {mean:.4f}, published is {expected} (within {tolerance})"
