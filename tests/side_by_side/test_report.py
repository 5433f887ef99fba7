"""The table at the end, worked by hand."""

from voxdag.side_by_side.report import FAILED, RAN, RESTORED, UNCHANGED, Record, table

ABOVE = {"code": [], "train@a": ["code"], "train@b": ["code"], "plot@a": ["train@a"], "old": [], "plot@b": ["train@b"]}
RECORDS = {
    "code": Record(RAN, "", 0.0, 0.0, 2.0),
    "train@a": Record(RAN, "code", 2.0, 2.0, 62.0),
    "train@b": Record(FAILED, "code", 2.0, 32.0, 42.0, "exited with 1"),
    "plot@a": Record(RESTORED, "train@a", 62.0, 62.0, 62.5),
    "old": Record(UNCHANGED, "", 0.0, 0.0, 0.1),
    "plot@b": Record(),
}


def test_it_says_how_long_each_stage_took_and_what_it_waited_for():
    assert table(RECORDS, ABOVE, 63.0) == [
        "stage    seconds  begun at  waited for",
        "code         2.0       0.0  -",
        "train@a     60.0       2.0  code",
        "train@b     10.0      32.0  code, then 30 s for its share  (failed)",
        "plot@a       0.5      62.0  train@a  (from the cache)",
        "6 stages: 2 ran, 1 failed, 1 from the cache, 1 did not change, 1 not begun",
        "longest chain, 62.5 s: code, train@a, plot@a",
        "63.0 s in all for 72.5 s of stages: 1.15 at a time",
    ]


def test_where_nothing_ran_it_is_one_line():
    assert table({"old": RECORDS["old"]}, {"old": []}, 1.0) == ["1 stages: 1 did not change"]
