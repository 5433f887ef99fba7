"""Metrics along a number: a panel each, lines with intervals."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.figures import along, style
from voxdag.figures.metric import Metric

pytestmark = pytest.mark.filterwarnings("error")

METRICS = [Metric("pesq", "PESQ", "", worst="lowest"), Metric("si_sdr", "SI-SDR", "dB", worst="lowest")]
BREAKDOWN = pd.DataFrame(
    {
        "column": ["snr", "snr", "snr", "noise"],
        "value": ["10", "-2.5", "5", "bus"],  # as text: -2.5 stands before 5, and 5 before 10
        "pesq": [2.0, 1.0, np.nan, 3.0],
        "si_sdr": [9.0, 1.0, 5.0, 3.0],
    }
).assign(**{f"{name}_{end}": shift for name in ("pesq", "si_sdr") for end, shift in (("low", 0.5), ("high", 9.5))})


def test_groups_stand_in_the_order_of_their_numbers():
    table = along.table(BREAKDOWN, "snr", METRICS)
    assert table["group"].tolist() == [-2.5, 5, 10] * 2
    assert table.loc[table["metric"] == "si_sdr", "rate"].tolist() == [1, 5, 9]
    assert list(table) == list(along.COLUMNS)


def test_every_metric_has_a_panel_and_every_system_a_line():
    table = along.table(BREAKDOWN, "snr", METRICS)
    both = pd.concat([table.assign(system=name) for name in ("noisy", "bsrnn")])
    figure = along.draw(both, METRICS, "SNR (dB)").figure
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["PESQ", "SI-SDR (dB)"]
    lines = figure.axes[1].get_lines()
    assert [line.get_label() for line in lines] == ["noisy", "bsrnn"]
    assert lines[0].get_xdata().tolist() == [-2.5, 5, 10] and lines[0].get_ydata().tolist() == [1, 5, 9]
    with style.paper():
        figure.draw_without_rendering()


def test_a_metric_without_rows_has_no_panel():
    table = along.table(BREAKDOWN, "snr", METRICS[:1])
    assert len(along.draw(table, METRICS, "SNR (dB)").figure.axes) == 1


@pytest.mark.parametrize(
    ("by", "metrics", "message"),
    [
        ("codec", METRICS, "breakdown of column 'codec' has no rows"),
        ("snr", [Metric("estoi", "ESTOI", "", worst="lowest")], "breakdown lacks columns"),
    ],
)
def test_a_breakdown_without_them_is_refused(by, metrics, message):
    with pytest.raises(Refused, match=message):
        along.table(BREAKDOWN, by, metrics)
