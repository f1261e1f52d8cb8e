"""What the report says of runs beside each other: who leads, and who waits for what."""

import re
from dataclasses import replace

import polars as pl
import pytest
from report_fixtures import make_study

from genreflow.report.headline import headlines, warnings
from genreflow.report.material import Material, read_material
from genreflow.report.page import render
from genreflow.report.scores import leaderboards, waiting


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    made = make_study(tmp_path_factory.mktemp("study"), hostile=False)
    return read_material(study=made.study, **made.paths)


@pytest.fixture(scope="module")
def page(material) -> str:
    return render(material)


def words(html: str) -> str:
    html = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def test_what_is_missing_is_said_once_with_the_runs_that_wait_for_it(material):
    put = pl.when(pl.col("run") == "knn").then(pl.lit("put b there")).otherwise(pl.lit("put a"))
    gone = pl.col("run").is_in(["forest", "svm"])
    gone |= (pl.col("run") == "knn") & (pl.col("split") == "artist")
    runs = material.runs.filter(pl.col("status") == "done").with_columns(
        status=pl.when(gone).then(pl.lit("skipped")).otherwise("status"),
        reason=pl.when(gone).then(put),
    )
    some = replace(material, runs=runs)
    assert waiting(some) == [
        {
            "reason": "put a",
            "runs": [{"run": "forest", "splits": []}, {"run": "svm", "splits": []}],
        },
        {"reason": "put b there", "runs": [{"run": "knn", "splits": ["artist"]}]},
    ]
    text = words(render(some))
    assert text.count("put a Waiting for this: forest, svm ") == text.count("put a ") == 1
    assert "put b there Waiting for this: knn (on artist)" in text
    assert "Not run here: forest, knn, svm." in text and "Not run here: forest, svm." in text


def test_runs_that_wait_on_the_same_splits_are_named_together(material):
    gone = pl.col("run").is_in(["forest", "svm"]) & (pl.col("split") == "artist")
    gone |= pl.col("run") == "knn"
    runs = material.runs.with_columns(
        status=pl.when(gone).then(pl.lit("skipped")).otherwise(pl.lit("done")),
        reason=pl.when(gone).then(pl.lit("put a")),
    )
    text = words(render(replace(material, runs=runs)))
    assert "put a Waiting for this: knn; forest, svm (on artist)" in text


def test_a_shortened_study_says_so_before_its_figures(material):
    assert not any("shortened" in warning for warning in warnings(material))
    short = material.study | {"limits": {"folds": 2, "epochs": 2, "resamples": 200}}
    learned = replace(material, study=short, history={("artist", "svm"): pl.DataFrame()})
    (said,) = [w for w in warnings(learned) if "shortened" in w]
    assert "at most 2 folds, 2 epochs and 200 resamples" in said
    assert "networks" in said
    few = warnings(replace(material, study=material.study | {"limits": {"search_iterations": 3}}))
    (said,) = [w for w in few if "shortened" in w]
    assert "at most 3 candidates of a search" in said and "networks" not in said


def test_runs_stand_with_their_difference_to_the_best(material, page):
    board = next(board for board in leaderboards(material) if board["name"] == "artist")
    best, *others = board["rows"]
    assert best["behind"] is None
    for row in others:
        known = material.differences.filter(
            pl.col("split") == "artist", pl.col("run") == row["run"]
        ).row(0, named=True)
        assert known["best"] == best["run"]
        shown = f"{abs(100 * known['difference']):.1f}"
        assert row["behind"]["text"] == ("−" if float(shown) else "±") + shown
        assert row["behind"]["certain"] == (known["high"] < 0)
    near = sum(
        not row["behind"]["certain"] for b in leaderboards(material) for row in b["rows"][1:]
    )
    assert page.count("≈ ") == near > 0


def test_headline_says_whether_the_lead_is_clear(material):
    def first(low: float, high: float) -> str:
        differences = material.differences.with_columns(
            difference=-0.032, low=pl.lit(low), high=pl.lit(high)
        )
        changed = replace(material, differences=differences)
        line = headlines(changed)[0]
        assert line["lead"] in words(render(changed))
        return line["lead"].replace(material.ranked("artist")[1]["run"], "it")

    assert first(-0.061, -0.004) == "clearly ahead of it: 3.2 points [0.4, 6.1]"
    assert first(-0.061, 0.004) == "not clearly ahead of it: 3.2 points [−0.4, 6.1]"
    by_loss = {
        "study": material.study | {"statistics": {"metric": "log_loss"}},
        "differences": material.differences.with_columns(
            metric=pl.lit("log_loss"), difference=0.25, low=0.1, high=0.4
        ),
    }
    lead = headlines(replace(material, **by_loss))[0]["lead"]
    assert lead.startswith("clearly ahead of ") and lead.endswith(": 0.250 [0.100, 0.400]")
