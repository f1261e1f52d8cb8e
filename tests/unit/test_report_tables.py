"""The report of a study on a table: several labels, clusters, recordings under several labels."""

import warnings
from collections import Counter
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from report_tables import EQUAL, make_table_study

from genreflow.report.confusions import explorer, matrix, similar_order
from genreflow.report.corpus import datasets, part_counts
from genreflow.report.facts import facts, shared_recordings
from genreflow.report.figures import write_figures
from genreflow.report.headline import about, ceiling, headlines
from genreflow.report.headline import warnings as cautions
from genreflow.report.leak import comparisons
from genreflow.report.material import Material, read_material
from genreflow.report.page import render
from genreflow.report.problems import MOST_ROWS, problems
from genreflow.report.published import published
from genreflow.report.scores import leaderboards, rounds


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    made = make_table_study(tmp_path_factory.mktemp("table"))
    return read_material(study=made.study, **made.paths)


@pytest.fixture(scope="module")
def page(material) -> str:
    return render(material)


def changed(material: Material, **fields) -> Material:
    own = {name: getattr(material, name) for name in material.__dataclass_fields__}
    return Material(**(own | fields))


def with_split(material: Material, name: str, **settings) -> Material:
    splits = material.study["splits"] | {name: material.study["splits"][name] | settings}
    return changed(material, study=material.study | {"splits": splits})


# ---------------------------------------------------------------- the data


def test_a_table_has_rows_features_and_missing_values_and_no_sound(material, page):
    told = dict(facts(material, "table"))
    tracks = material.tracks["table"]
    assert told["Rows listed"] == f"{len(tracks):,}"
    assert told["Features, set table"] == "5"
    assert told["Missing values"] == "15 in 2 features"
    assert told["Artists"] == "not known"
    assert told["Music in all"] == ""
    assert "60 equal to another row, 3 in quarantine" in told["Set aside or noted"]
    for only_audio in ("Median length", "RMS level", "Formats", "of music", "One track of each"):
        assert only_audio not in page
    assert "artists" not in [what for _, what in about(material)]


def test_tracks_that_count_are_those_of_a_split(material):
    used = set(material.used["table"]["track_id"])
    parts = pl.concat([split.select("track_id", "part") for split in material.splits.values()])
    expected = parts.filter(pl.col("part").is_in(["train", "validation", "test"]))["track_id"]
    assert used == set(expected)


def test_recordings_under_several_labels_are_counted(material):
    of_recording: dict[str, set[str]] = {}
    tracks = material.tracks["table"]
    for digest, labels in tracks.filter(pl.col("status") == "ok")["digest", "labels"].iter_rows():
        of_recording.setdefault(digest, set()).update(labels)
    sizes = Counter(min(len(own), 4) for own in of_recording.values() if len(own) > 1)
    pairs = Counter(pair for own in of_recording.values() for pair in combinations(sorted(own), 2))
    told = shared_recordings(tracks)
    assert told["recordings"] == f"{sum(sizes.values()):,}"
    assert told["of"] == f"{len(of_recording):,}"
    words = {2: "2", 3: "3", 4: "4 or more"}
    assert told["counts"] == [(words[n], f"{sizes[n]:,}") for n in sorted(sizes)]
    found = [(pair["recordings"], pair["label"], pair["other"]) for pair in told["pairs"]]
    most = sorted((-number, *pair) for pair, number in pairs.items())[: len(found)]
    assert found == [(-number, *pair) for number, *pair in most]
    alone = tracks.filter(pl.col("conflict").is_null())
    assert shared_recordings(alone) is None


def test_labels_and_their_parts_are_those_of_the_split(material):
    split = material.splits["clusters"]
    counts = part_counts(split)
    assert set(counts["label"]) == set(split["labels"].explode().drop_nulls())
    for part in ("train", "test"):
        own = Counter(split.filter(pl.col("part") == part)["labels"].explode())
        assert dict(counts.select("label", part).iter_rows()) == own
    (dataset,) = datasets(material)
    assert dataset["splits"] == ["grouped", "several", "random"]
    assert [clusters["split"] for clusters in dataset["clusters"]] == ["clusters"]
    assert len(dataset["labels"]) == 12


def test_many_problems_are_told_by_reason(material, page):
    found = {problem["title"]: problem for problem in problems(material, "table")}
    quarantine = found["Quarantine"]
    assert quarantine["rows"] == [] and quarantine["total"] == 63
    assert {row["kind"]: row["tracks"] for row in quarantine["reasons"]} == {
        EQUAL: 60,
        "tempo: '…' is no number": 3,
    }
    conflicts = found["Label conflicts"]
    shown = sum(row["tracks"] for row in conflicts["reasons"])
    assert shown + conflicts["more_tracks"] == conflicts["total"] > MOST_ROWS
    assert all(len(row["examples"]) <= 3 for row in conflicts["reasons"])
    few = changed(material, tracks={"table": material.tracks["table"].tail(5)})
    assert problems(few, "table")[0]["reasons"] == []
    assert page.count("<tr>") < 500


# ---------------------------------------------------------------- the figures


def test_each_split_is_ranked_by_the_metric_of_its_task(material):
    boards = {board["name"]: board for board in leaderboards(material)}
    assert list(boards) == ["grouped", "several", "random", "clusters"]
    assert boards["several"]["metric"].title == "F1, macro"
    assert boards["random"]["metric"].title == "Accuracy"
    titles = boards["several"]["columns"]
    assert titles[:3] == ["Exact match", "Hamming loss", "F1, micro"] and "LRAP" in titles
    for split, board in boards.items():
        metric = material.metric_name(split)
        values = [material.score(split, row["run"], metric)["value"] for row in board["rows"]]
        assert values == sorted(values, reverse=True)
    wished = changed(material, study=material.study | {"statistics": {"metric": "hamming_loss"}})
    values = [row["key"] for row in leaderboards(wished)[1]["rows"]]
    assert values == sorted(values)
    lines = {line["split"]: line for line in headlines(material)}
    assert lines["several"]["metric"] == "F1, macro"
    assert lines["clusters"]["apart"].startswith("3 clusters of labels")


def test_only_splits_of_one_kind_are_compared(material):
    (compared,) = comparisons(material)
    assert [split["name"] for split in compared["splits"]] == ["random", "grouped"]
    assert compared["easy"] == "random"
    mlp = next(row for row in compared["rows"] if row["run"] == "mlp")["points"]
    values = [material.score(s, "mlp", "accuracy")["value"] for s in ("grouped", "random")]
    assert mlp["grouped"]["difference"] == pytest.approx(values[0] - values[1])
    assert mlp["random"]["difference_text"] == ""
    assert "copies of a recording are on both sides" in compared["sentences"][0]


def test_a_recording_has_one_side_where_no_artist_is_known(material):
    assert material.protocol("grouped") == "random"
    assert material.protocol("random") == material.protocol("clusters") == "copies"
    named = material.tracks["table"].with_columns(artist=pl.lit("someone"))
    assert changed(material, tracks={"table": named}).protocol("grouped") == "artist"


def test_the_ceiling_of_a_model_that_knows_every_label(material):
    digests = dict(material.tracks["table"]["track_id", "digest"].iter_rows())
    tested = material.splits["random"].filter(pl.col("part") == "test")
    found: dict[str, Counter] = {}
    for track, (label,) in tested["track_id", "labels"].iter_rows():
        found.setdefault(digests[track], Counter())[label] += 1
    right = sum(max(labels.values()) for labels in found.values())
    assert ceiling(material, "random") == pytest.approx(right / len(tested))
    assert ceiling(material, "several") is None
    text = next(text for text in cautions(material) if "several labels" in text)
    assert f"{100 * right / len(tested):.1f}\u202f% on random" in text
    one = material.splits["random"].join(
        material.tracks["table"].filter(pl.col("conflict").is_null()), on="track_id", how="semi"
    )
    assert ceiling(changed(material, splits={"random": one}), "random") is None


def test_repeats_and_folds_are_told_by_name(material):
    repeated = with_split(material, "random", repeats=10)
    assert rounds(repeated, "random") == rounds(repeated, "clusters") == "repeats"
    folded = with_split(material, "grouped", method="stratified_kfold", folds=5)
    assert rounds(folded, "grouped") == "folds"
    both = with_split(material, "grouped", method="stratified_kfold", folds=5, repeats=2)
    assert rounds(both, "grouped") == "folds and repeats"
    metrics = repeated.metrics.with_columns(
        fold_mean=0.77, fold_std=0.02, fold_low=0.75, fold_high=0.79, fold_min=0.735, fold_max=0.8
    )
    page = render(changed(repeated, metrics=metrics))
    assert "Repeats, mean\u00a0±\u00a0sd" in page and "from 73.5 to 80.0" in page


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ([(0.5, 0.4, 0.6)], "Of 1 published figure that could be compared, 1 lies inside the"),
        (
            [(0.5, 0.4, 0.6), (0.5, 0.55, 0.6), (0.5, 0.1, 0.2)],
            "Of 3 published figures that could be compared, 1 lies inside, 1 above and 1 below the",
        ),
        ([(0.9, 0.4, 0.6)], "could be compared, none lies inside and 1 above the interval"),
        ([(0.5, None, None)], "None of the published figures could be compared"),
    ],
)
def test_published_figures_are_counted_by_interval(material, figures, sentence):
    table = material.published.head(len(figures)).with_columns(
        published=pl.Series([published for published, _, _ in figures]),
        low=pl.Series([low for _, low, _ in figures], dtype=pl.Float64),
        high=pl.Series([high for _, _, high in figures], dtype=pl.Float64),
        measured=pl.Series(
            [low and (low + high) / 2 for _, low, high in figures], dtype=pl.Float64
        ),
    )
    told = published(changed(material, published=table))
    assert sentence in told["sentence"]
    assert published(changed(material, published=table.clear())) is None


# ---------------------------------------------------------------- confusions


def test_similar_labels_stand_together(material):
    order = similar_order(material, "random")
    assert sorted(order) == list(range(12))
    # The made-up guesses confuse the labels 2k and 2k + 1.
    place = np.argsort(order)
    assert all(abs(place[k] - place[k + 1]) == 1 for k in range(0, 12, 2))


def test_guesses_at_several_labels_are_counted_by_label_and_set(material):
    content = explorer(material)
    several = next(split for split in content["splits"] if split["name"] == "several")
    assert several["task"] == "multi_label" and "order" not in several
    for run in several["runs"]:
        own = material.label_confusion.filter(pl.col("run") == run["name"]).sort("label")
        assert run["counts"] == [list(row) for row in own.select("tp", "fp", "fn", "tn").rows()]
        guesses = material.guesses.filter(
            pl.col("split") == "several", pl.col("run") == run["name"], pl.col("part") == "test"
        )
        pairs = Counter(guesses["truth", "predicted"].iter_rows())
        wrong = {pair: n for pair, n in pairs.items() if pair[0] != pair[1]}
        assert run["right"] == sum(pairs.values()) - sum(wrong.values())
        assert run["tested"] == len(guesses)
        counts = [count for _, _, count, _ in run["sets"]]
        assert counts == sorted(wrong.values(), reverse=True)[: len(counts)]
        assert all(wrong[truth, guess] == count for truth, guess, count, _ in run["sets"])
    assert content["names"][0].startswith("table.csv, line ")


def test_the_matrix_of_clusters_has_their_names(material):
    content = explorer(material)
    clusters = next(split for split in content["splits"] if split["name"] == "clusters")
    assert clusters["classes"] == ["about genre 00", "about genre 04", "about genre 08"]
    total = material.guesses.filter(
        pl.col("split") == "clusters", pl.col("run") == "mlp", pl.col("part") == "test"
    )
    assert matrix(material, "clusters", "mlp").sum() == len(total)


def test_page_and_figures(material, page, tmp_path):
    assert "Ranked by F1, macro" in page
    assert "split random · labels replaced by clusters kmeans" in page
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_figures(material, tmp_path)
    names = {path.stem for path in tmp_path.iterdir()}
    assert {"labels_mlp_several", "confusion_mlp_clusters", "tracks_several"} <= names
    assert "confusion_mlp_several" not in names


def test_page_is_the_same_in_whatever_order_rows_come(material, page):
    shuffled = changed(
        material,
        guesses=material.guesses.sample(fraction=1, shuffle=True, seed=1),
        metrics=material.metrics.sample(fraction=1, shuffle=True, seed=2),
        tracks={"table": material.tracks["table"].sample(fraction=1, shuffle=True, seed=3)},
    )
    assert render(shuffled) == page


def test_size_at_114_labels(tmp_path):
    made = make_table_study(tmp_path, names=[f"genre {at:03d}" for at in range(114)], runs=8)
    page = render(read_material(study=made.study, **made.paths))
    assert len(page.encode()) < 3e6
