"""The report of a study that predicts numbers."""

import re
import warnings

import numpy as np
import polars as pl
import pytest
from report_values import REASON, TARGETS, make_values_study
from sklearn.metrics import r2_score

from genreflow.report import curves, regression
from genreflow.report.confusions import explorer
from genreflow.report.corpus import datasets
from genreflow.report.facts import facts
from genreflow.report.figures import write_figures
from genreflow.report.headline import about, headlines
from genreflow.report.headline import warnings as cautions
from genreflow.report.leak import comparisons
from genreflow.report.material import Material, read_material
from genreflow.report.numbers import METRICS, seconds, significant
from genreflow.report.origin import provenance
from genreflow.report.page import render
from genreflow.report.published import published
from genreflow.report.scores import leaderboards


def made(tmp_path_factory, name: str, **shape) -> Material:
    study = make_values_study(tmp_path_factory.mktemp(name), **shape)
    return read_material(study=study.study, **study.paths)


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    return made(tmp_path_factory, "numbers")


@pytest.fixture(scope="module")
def uneven(tmp_path_factory) -> Material:
    """Runs of which each predicts something else."""
    only = {"ridge": ["energy"], "cnn": ["tempo"]}
    return made(tmp_path_factory, "uneven", only=only)


@pytest.fixture(scope="module")
def page(material) -> str:
    return render(material)


def changed(material: Material, **fields) -> Material:
    own = {name: getattr(material, name) for name in material.__dataclass_fields__}
    return Material(**(own | fields))


def words(html: str) -> str:
    html = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


# ---------------------------------------------------------------- the page


def test_a_study_of_numbers_alone_has_a_whole_page(page):
    text = words(page)
    assert "Best on folds (tempo and energy, artists kept apart): cnn with an R² of 0." in text
    assert "better than the mean; clearly ahead of ridge: 0." in text
    assert "numbers to predict2" in text
    assert "tempo on split folds" in text and "energy on split random" in text
    assert "exact · k-fold by artist · 5 folds · seed 0" in text
    assert "No artist is on both sides." in text
    assert "Learning curves" in text and "Splits compared" in text
    for of_labels in ("Labels", "One run, closely", "Most frequent confusions", "without a label"):
        assert of_labels not in text
    assert not re.search(
        r"\b(nan|None|inf)\b", re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.S)
    )


def test_runs_are_ranked_by_r2_with_their_intervals(material):
    board = next(board for board in leaderboards(material) if board["name"] == "folds")
    assert (board["metric"].title, board["predicts"]) == ("R²", "tempo and energy")
    assert board["columns"] == ["MSE"]
    values = {run: [] for run in ("cnn", "ridge", "lstm", "dummy")}
    for (run, _), own in material.values.filter(pl.col("split") == "folds").group_by(
        "run", "target"
    ):
        values[run].append(r2_score(own["truth"], own["predicted"]))
    expected = sorted(values, key=lambda run: -np.mean(values[run]))
    assert [row["run"] for row in board["rows"]] == expected
    for row in board["rows"]:
        assert row["key"] == pytest.approx(np.mean(values[row["run"]]), abs=1e-9)
        assert row["interval"].startswith("[")
    best = board["rows"][0]
    assert best["what"] == "mel + chroma"
    assert best["others"][0]["folds"] and best["others"][0]["folds_interval"].startswith("[0.0")


@pytest.mark.parametrize(
    ("value", "low", "said"),
    [
        (0.3, 0.1, "better than the mean"),
        (0.3, -0.1, "not clearly better than the mean"),
        (0.0, -0.1, "no better than the mean"),
        (-0.2, -0.4, "no better than the mean"),
    ],
)
def test_the_headline_says_whether_the_best_is_better_than_the_mean(material, value, low, said):
    same = material.metrics.with_columns(value=pl.lit(value), low=pl.lit(low))
    line = headlines(changed(material, metrics=same))[0]
    assert line["mean"] == said
    text = words(render(changed(material, metrics=same)))
    assert f", {said}; " in text


def test_key_figures_and_facts_tell_of_numbers(material):
    assert ("2", "numbers to predict") in about(material)
    assert not any(what.startswith("label") for _, what in about(material))
    told = dict(facts(material, "mine"))
    assert told["Predicted"] == "tempo and energy" and told["Labels"] == ""
    assert told["Set aside or noted"] == "" and told["Used by a split"] == "240"
    (dataset,) = datasets(material)
    assert dataset["labels"] == [] and dataset["splits"] == []
    bars = {row["split"]: row["bar"] for row in dataset["numbers"]}
    assert bars["folds"]["title"] == "train 192, test 48"
    assert not any("Labels" in text for text in cautions(material))


def test_weights_that_are_missing_are_said_once(material, page):
    text = words(page)
    assert text.count("put vgg16-397923af.pth") == 1
    assert f"{REASON} Waiting for this: vgg16_mel, vgg16_waveform" in text.replace("&#39;", "'")
    rows = {(row["run"], row["metric"]): row for row in published(material)["rows"]}
    assert rows["vgg16_mel", "mse"]["measured_text"] == "not run"


def test_published_errors_stand_beside_measured_ones(material):
    rows = {(row["run"], row["metric"]): row for row in published(material)["rows"]}
    mse, r2 = rows["cnn", "mse"], rows["cnn", "r2"]
    measured = material.score("folds", "cnn", "mse")["value"]
    assert mse["text"] == "0.0347" and mse["measured_text"] == f"{measured:.4f}"
    assert mse["difference_text"] == f"−{0.0347 - measured:.4f}"
    assert r2["text"] == "−0.060" and r2["title"] == "R²"


# ---------------------------------------------------------------- each number


def test_every_number_has_its_figures(material):
    found = {(own["split"], own["target"]): own for own in regression.section(material)}
    assert [*found] == [(s, t) for s in ("folds", "random") for t in TARGETS]
    tempo = found["folds", "tempo"]
    assert tempo["folded"] and not found["random", "tempo"]["folded"]
    for row in tempo["rows"]:
        for metric, cell in zip(("r2", "mse", "mae"), row["cells"], strict=True):
            known = material.score("folds", row["run"], metric, target="tempo")
            assert cell["key"] == known["value"]
            assert cell["interval"] == METRICS[metric].interval(known["low"], known["high"])
        mse = material.score("folds", row["run"], "mse", target="tempo")
        assert row["folds"] == f"{mse['fold_mean']:.4f} ± {mse['fold_std']:.4f}"
        assert row["folds_interval"] == f"[{mse['fold_low']:.4f}, {mse['fold_high']:.4f}]"
    r2 = [row["cells"][0]["key"] for row in tempo["rows"]]
    assert r2 == sorted(r2, reverse=True)


def places(panel: dict) -> np.ndarray:
    """Where the dots of a drawing are, in the order of the table."""
    found = [re.findall(r"M([\d.]+) ([\d.]+)h0", path) for path in panel["dots"]]
    rows = np.zeros((sum(map(len, found)), 2))
    for at, dots in enumerate(found):
        rows[at :: len(found)] = np.array(dots, dtype=float)
    return rows


def test_every_track_is_a_dot_where_its_values_say(material):
    own = next(own for own in regression.section(material) if own["split"] == "random")
    panel = next(panel for panel in own["panels"] if panel["run"] == "cnn")
    values = material.values.filter(
        pl.col("split") == "random", pl.col("run") == "cnn", pl.col("target") == own["target"]
    )
    low, high = (float(panel["x_ticks"][at]["text"]) for at in (0, -1))
    assert [tick["at"] for tick in panel["x_ticks"]] == [
        100 - tick["at"] for tick in panel["y_ticks"]
    ]
    scaled = 100 * (values.select("truth", "predicted").to_numpy() - low) / (high - low)
    expected = np.column_stack([scaled[:, 0], 100 - scaled[:, 1]])
    np.testing.assert_allclose(places(panel), expected, atol=0.06)
    assert f"n = {len(values)}" in panel["facts"] and "outside" not in panel["facts"]


def test_wild_predictions_stand_on_the_edge_and_do_not_squash_the_others(material):
    wild = (pl.col("run") == "ridge") & (pl.col("target") == "tempo")
    values = material.values.with_columns(predicted=pl.when(wild).then(1e6).otherwise("predicted"))
    own = regression.section(changed(material, values=values))[0]
    ends = [float(own["panels"][0]["x_ticks"][at]["text"]) for at in (0, -1)]
    truth = values.filter(pl.col("target") == "tempo")["truth"]
    assert ends[1] - ends[0] < 3 * (truth.max() - truth.min())
    panel = next(panel for panel in own["panels"] if panel["run"] == "ridge")
    assert (places(panel)[:, 1] == 0).all() and "240 outside" in panel["facts"]


def test_a_run_far_below_the_mean_does_not_squash_the_others(material):
    far = (pl.col("run") == "dummy") & (pl.col("metric") == "r2")
    metrics = material.metrics.with_columns(
        pl.when(far).then(-250.0).otherwise(pl.col(name)).alias(name) for name in ("value", "low")
    )
    wild = changed(material, metrics=metrics)
    board = leaderboards(wild)[0]
    assert board["ticks"][0]["text"] == "-1" and board["rows"][-1]["value"] == "−250.000"
    assert board["rows"][-1]["at"] == 0 and board["rows"][0]["at"] > 80
    rows = regression.section(wild)[0]["rows"]
    assert rows[-1]["at"] == 0 and rows[0]["at"] > 80
    history = material.history["folds", "cnn"]
    first = history.with_columns(r2=pl.when(pl.col("epoch") == 1).then(-99.0).otherwise("r2"))
    (chart,) = curves.section(changed(material, history={("folds", "cnn"): first}))["charts"]
    assert chart["panels"][1]["y_ticks"][0]["text"] == "−1"


def test_of_many_tracks_some_are_drawn():
    values = pl.DataFrame({"truth": np.arange(3000.0), "predicted": np.arange(3000.0)})
    panel = regression._panel("cnn", values, regression.axis_around([0, 3000]), {})
    assert len(places(panel)) == regression.MOST_DOTS
    assert "n = 3,000" in panel["facts"] and f"{regression.MOST_DOTS} drawn" in panel["facts"]


def test_runs_that_predict_different_numbers_are_ranked_by_each(uneven):
    boards = {(board["name"], board["target"]): board for board in leaderboards(uneven)}
    assert [*boards] == [(s, t) for s in ("folds", "random") for t in TARGETS]
    runs = {key: [row["run"] for row in board["rows"]] for key, board in boards.items()}
    assert set(runs["folds", "tempo"]) == {"cnn", "lstm", "dummy"}
    assert set(runs["folds", "energy"]) == {"ridge", "lstm", "dummy"}
    # The published figure is of a run's mean, so of the number where it has one only.
    tempo = {row["run"]: row["published"] for row in boards["folds", "tempo"]["rows"]}
    assert tempo["cnn"] and not tempo["lstm"]
    assert boards["folds", "tempo"]["columns"] == ["MSE", "MAE"]
    lines = [(line["split"], line["target"]) for line in headlines(uneven)]
    assert lines == [*boards]
    for line in headlines(uneven):
        assert line["run"] == runs[line["split"], line["target"]][0]
        assert line["lead"]
    assert "Best at tempo on folds" in words(render(uneven))
    assert "tempo on split folds exact ·" in words(render(uneven))


def test_splits_of_numbers_are_compared(material):
    (compared,) = comparisons(material)
    assert compared["metric"].title == "R²"
    row = next(row for row in compared["rows"] if row["run"] == "dummy")
    assert len(row["points"]) == 2


# ---------------------------------------------------------------- beside labels


def test_a_study_may_mix_numbers_and_labels(tmp_path_factory):
    mixed = made(tmp_path_factory, "mixed", labels=True)
    boards = {board["name"]: board["metric"].title for board in leaderboards(mixed)}
    assert boards == {"folds": "R²", "random": "R²", "genre": "Accuracy"}
    content = explorer(mixed)
    assert [split["name"] for split in content["splits"]] == ["genre"]
    assert content["splits"][0]["classes"] == ["fast", "slow"]
    assert [split["name"] for own in comparisons(mixed) for split in own["splits"]] == [
        "random",
        "folds",
    ]
    text = words(render(mixed))
    assert "numbers to predict" in text and "One run, closely" in text
    assert "Best on genre" in text and "accuracy" in text


# ---------------------------------------------------------------- curves and figures


def test_curves_of_numbers_show_r2_and_how_long_an_epoch_takes(material):
    (chart,) = curves.section(material)["charts"]
    assert [panel["title"] for panel in chart["panels"]] == ["Loss", "R²"]
    assert chart["panels"][1]["published"] is not None
    told = " · ".join(chart["facts"])
    assert (
        "30 epochs · 1.3\u202fs per epoch, 4\u202f% of it loading · R² after the last: 0." in told
    )
    assert "published: −0.060" in told
    history = material.history["folds", "cnn"]
    for loading, said in ((0.0, "0\u202f%"), (0.002, "under 1\u202f%"), (None, "")):
        known = history.with_columns(seconds_loading=pl.lit(loading, pl.Float64))
        (chart,) = curves.section(changed(material, history={("folds", "cnn"): known}))["charts"]
        assert (f"1.3\u202fs per epoch, {said} of it" if said else "per epoch") in chart["facts"][1]
        assert ("loading" in chart["facts"][1]) == bool(said)


def test_figures_are_equal_bytes_and_never_warn(uneven, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_figures(uneven, tmp_path / "a")
    names = {path.name for path in (tmp_path / "a").iterdir()}
    for stem in ("values_tempo_folds", "values_energy_random", "leaderboard_tempo_folds"):
        assert {f"{stem}.svg", f"{stem}.png"} <= names
    assert not any(name.startswith(("confusion_", "labels_", "tracks_")) for name in names)
    write_figures(uneven, tmp_path / "b")
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_provenance_names_the_sets_of_runs_on_arrays(material):
    first, *others = material.run_files
    features = {**first["features"], "sets": ["mel", "chroma"]}
    del features["names"]
    told = provenance(changed(material, run_files=[first | {"features": features}, *others]))
    assert sorted({str(run["features"]) for run in told["runs"]}) == ["57", "mel + chroma"]


def test_equal_tables_make_equal_pages(material, page):
    assert render(changed(material)) == page


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((12.345, "12.3"), (0.012345, "0.0123"), (1234.5, "1,234"), (0.0, "0.00")),
        *((-7.0, "−7.00"), (99.96, "100.0"), (1e-9, "0.00000000100")),
    ],
)
def test_errors_are_written_with_three_digits(value, text):
    assert METRICS["mae"].number(value) == text
    assert significant(abs(value)) == text.lstrip("−")


def test_what_is_rounded_to_zero_has_no_sign():
    assert METRICS["r2"].number(-0.0001) == "0.000"
    assert METRICS["accuracy"].number(-0.0001) == "0.0"
    assert METRICS["r2"].number(-0.0006) == "−0.001"
    assert METRICS["mse"].difference(-0.00001) == "±0.0000"
    assert seconds(0.0412) == "41\u202fms" and seconds(0.0) == "0.0\u202fs"
