import numpy as np
import pandas as pd
import pytest

from voxdag.figures import history, style
from voxdag.figures.history import Quantity, draw_history

pytestmark = pytest.mark.filterwarnings("error")

HISTORY = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "eer": [0.2, np.nan, 0.3], "uar": [0.1, 0.5, 0.5]})
QUANTITIES = {"loss": Quantity("Loss"), "eer": Quantity("EER (%)", 100, "min"), "uar": Quantity("UAR", best="max")}


def member(seed, epochs, offset=0.0):
    """Dev EER in epoch e is (10 - e + offset) per cent."""
    epoch = np.arange(1, epochs + 1)
    losses = {"train_generator": 1.0 / epoch, "train_discriminator": 2.0 / epoch}
    return pd.DataFrame({"seed": seed, "epoch": epoch, "lr": 1e-3} | losses | {"dev_eer": (10 - epoch + offset) / 100})


def lay_out(canvas) -> None:
    with style.paper():
        canvas.draw_without_rendering()


def test_the_first_best_epoch_is_marked_and_epochs_without_a_value_are_skipped():
    table = history.table(HISTORY, QUANTITIES)
    eer = table[table["quantity"] == "EER (%)"]
    assert eer[["epoch", "value", "best"]].to_numpy().tolist() == [[1, 20, 1], [3, 30, 0]]
    assert table[table["quantity"] == "Loss"]["best"].sum() == 0
    assert table[(table["quantity"] == "UAR") & (table["best"] == 1)]["epoch"].tolist() == [2]
    assert (table["low"] == table["value"]).all() and (table["high"] == table["value"]).all()


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_panel_per_quantity(epochs):
    canvas = history.figure(history.table(HISTORY.head(epochs), QUANTITIES))
    assert [panel.get_title(loc="left") for panel in canvas.axes] == ["Loss", "EER (%)", "UAR"]
    lay_out(canvas)


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match=r"history lacks columns \['eer', 'uar'\].*'loss', 'eer', 'uar'"):
        history.table(HISTORY[["epoch", "loss"]], QUANTITIES)
    with pytest.raises(ValueError, match="history has no rows"):
        history.table(HISTORY.head(0), QUANTITIES)


def test_members_are_their_mean_and_range_in_each_epoch_that_any_reached():
    # Seeds 1 and 2 have 2 and 3 epochs; dev EER in epoch e is 10 - e and 12 - e per cent.
    rows = pd.concat([member(1, 2), member(2, 3, offset=2.0)])
    plot = draw_history(rows, {"dev_eer": Quantity("Dev EER (%)", 100, "min")})
    eer = plot.table[plot.table["quantity"] == "Dev EER (%)"]
    columns = ["epoch", "value", "low", "high", "members"]
    np.testing.assert_allclose(eer[columns], [[1, 10, 9, 11, 2], [2, 9, 8, 10, 2], [3, 9, 9, 9, 1]])
    assert plot.table["best"].sum() == 0  # each member has its own
    assert [panel.get_title(loc="right") for panel in plot.figure.axes] == ["mean and range of 2 members", "", "", ""]
    lay_out(plot.figure)


def test_one_member_has_its_best_epoch_whether_it_is_named_or_not():
    for rows in (member(1, 3), member(1, 3).drop(columns="seed"), member(1, 3).assign(fold="2")):
        plot = draw_history(rows, {"dev_eer": Quantity("Dev EER (%)", 100, "min")})
        assert plot.table[plot.table["best"] == 1][["quantity", "epoch"]].to_numpy().tolist() == [["Dev EER (%)", 3]]
        assert plot.figure.axes[2].get_title(loc="right") == "best 7.00 at epoch 3"


def test_every_loss_and_criterion_is_drawn_known_or_not_and_the_note_is_about_criteria():
    rows = member(1, 2).assign(dev_cost_x=1.0, train_two_words=1.0)
    table = draw_history(rows, {"dev_eer": Quantity("Dev EER (%)", 100, "min")}, "leaky").table
    assert list(dict.fromkeys(table["quantity"])) == [
        "Training loss, generator",
        "Training loss, discriminator",
        "Training loss, two words",
        "Dev EER (%), leaky",
        "Dev cost x, leaky",
        "Learning rate (×10⁻⁴)",
    ]
    one_loss = draw_history(rows.rename(columns={"train_generator": "train_loss"}), {}).table["quantity"]
    assert one_loss.iloc[0] == "Training loss"


def test_an_accuracy_is_no_loss_and_what_is_drawn_is_said():
    rows = pd.DataFrame({"epoch": [1, 2], "lr": [1e-3, 1e-4], "train_real_accuracy": [0.5, 0.7]})
    rows["train_loss"] = [2.0, 1.0]
    plot = draw_history(rows, {}, of="train")
    assert list(plot.table["quantity"].unique()) == [
        "Training, real accuracy",
        "Training loss",
        "Learning rate (×10⁻⁴)",
    ]
    assert plot.of == "train" and draw_history(rows, {}).of == "train and dev"
