"""EER of a countermeasure in each cell of two columns, such as codec by attack: which attack hides behind which codec.

Usage:  python -m voxdag.crossed OUT SYSTEM [--rows codec] [--columns attack]
Reads:  data/predictions/<system>/eval.csv   of a system or baseline; --rows and --columns are two of its columns
        params.yaml                          tasks.antispoof.scoring, seed
Writes: OUT/crossed.csv                      row, column, EER with its interval by utterance, and how many of each class
        OUT/crossed.png, .pdf                the same as a picture

A row is a value of --rows, and all of them: its trials alone, bona fide and spoofed. A column is a value of --columns,
and all of them; a trial without a value is in each column: so each attack is told from all bona fide speech of its row.
A cell that lacks a class has no EER. The EER is the mean over members.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from voxdag.core import artifacts, command, params
from voxdag.core.errors import Refused
from voxdag.figures import matrix
from voxdag.scoring import tables
from voxdag.scoring.tables import Scoring
from voxdag.tasks import asked, results
from voxdag.tasks.antispoof import metrics

TASK, EVERY = "antispoof", "all"
VALUES = ("eer", "eer_low", "eer_high", "n_bonafide", "n_spoof")


def cells(predictions: pd.DataFrame, rows: str, columns: str, scoring: Scoring, seed: int) -> pd.DataFrame:
    """One row a cell: row, column and VALUES. Raises Refused for a column that predictions do not have."""
    for name in (rows, columns):
        if name not in predictions:
            raise Refused(f"there is no column {name}; the predictions have {', '.join(predictions.columns)}")
    names = [name for name, _ in tables.groups(predictions, columns, shared=True)]
    found = []
    for row, trials in [*tables.groups(predictions, rows, shared=False), (EVERY, predictions)]:
        table = metrics.breakdown(trials.assign(**{EVERY: EVERY}), metrics.NO_ASV, [columns, EVERY], scoring, seed)
        of_row = table.set_index("value")[list(VALUES)].reindex([*names, EVERY])  # in the same order in each row
        found.append(of_row.rename_axis("column").reset_index().assign(row=row)[["row", "column", *VALUES]])
    return pd.concat(found, ignore_index=True).astype(dict.fromkeys(VALUES[-2:], "Int64"))


def run(arguments: argparse.Namespace) -> None:
    """Measure, write, print."""
    tree = params.read()
    (name,) = asked.systems(tree, TASK, [arguments.system])
    scoring, seed = results.scoring(tree, TASK), params.run(tree).seed
    predictions = results.read(name, TASK)["eval"]
    found = cells(predictions, arguments.rows, arguments.columns, scoring, seed)
    artifacts.write_table(arguments.out / "crossed.csv", found)
    drawn = found.rename(columns={"row": "system", "eer": "value"}).assign(metric="eer")
    words = f"EER of {name}, {arguments.rows} by {arguments.columns}"
    plot = matrix.draw(drawn[list(matrix.COLUMNS)], {"eer": (words, True)})
    plot.save(arguments.out / "crossed", f"{results.corpus(tree, TASK)}, eval")
    table = found.pivot(index="row", columns="column", values="eer")
    print(table.reindex(found["row"].unique())[found["column"].unique()].to_string(float_format="%.3f"))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for table and picture")
    parser.add_argument("system", metavar="SYSTEM", help="a system or baseline of params.yaml")
    parser.add_argument("--rows", default="codec", help="a column of the predictions")
    parser.add_argument("--columns", default="attack", help="another")
    run(parser.parse_args())


if __name__ == "__main__":
    command.guarded(main)
