"""The noisy test set must measure as published."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.tasks.enhance.gate import check

PUBLISHED = pd.DataFrame({"metric": ["pesq", "ssnr"], "score": [1.97, 1.68], "tolerance": ["0.02", "0.05"]})


def measured(pesq=1.97, ssnr=1.68, n=4):
    """Utterances around these means."""
    spread = np.linspace(-1, 1, n)
    return pd.DataFrame({"pesq": pesq + spread, "ssnr": ssnr + 5 * spread, "stoi": 0.0})


@pytest.mark.parametrize("values", [{}, {"pesq": 1.9899}, {"pesq": 1.9501}, {"ssnr": 1.7299}])
def test_what_is_within_the_tolerance_passes(values):
    check(measured(**values), PUBLISHED)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pesq": 1.9901}, r"mean pesq 1.9901, published is 1.97 \(within 0.02\). Are the files"),
        ({"pesq": 1.50}, "mean pesq 1.5000"),  # of narrow band, or a wrong resampling: facts of the field
        ({"ssnr": 1.62, "pesq": 2.5}, "mean pesq 2.5000, .*; mean ssnr 1.6200, published is 1.68"),
    ],
)
def test_what_is_not_is_refused_with_all_means(values, message):
    with pytest.raises(Refused, match=message):
        check(measured(**values), PUBLISHED)


def test_an_undefined_metric_is_not_left_out_of_the_mean():
    table = measured()
    table.loc[1, "pesq"] = np.nan
    with pytest.raises(Refused, match="pesq is undefined for 1 of 4"):
        check(table, PUBLISHED)


def test_a_metric_that_was_not_measured_is_named():
    with pytest.raises(Refused, match="not measured in ssnr, of which a mean was published"):
        check(measured().drop(columns="ssnr"), PUBLISHED)
