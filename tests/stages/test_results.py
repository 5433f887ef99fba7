"""What a task's systems gave, by hash: the dependency of compare."""

from stages import results


def test_a_text_names_the_tables_of_these_systems_alone_and_changes_with_their_contents(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("data/predictions/a/eval.csv", "metrics/a/intervals.csv", "plots/a/det.csv", "plots/b/det.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    before = results.describe(["a"])
    assert [line.split()[0] for line in before.splitlines()] == [
        "data/predictions/a/eval.csv",
        "metrics/a/intervals.csv",
        "plots/a/det.csv",
    ]
    (tmp_path / "plots/b/det.csv").write_text("another task's")
    assert results.describe(["a"]) == before
    (tmp_path / "metrics/a/intervals.csv").write_text("other numbers")
    assert results.describe(["a"]) != before
