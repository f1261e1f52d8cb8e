"""The page and the figures, from made-up tables."""

import json
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from report_fixtures import HOSTILE, Made, make_study

from genreflow.evaluation.bootstrap import FEW_CLUSTERS
from genreflow.report.confusions import explorer, matrix
from genreflow.report.corpus import part_counts, same_length
from genreflow.report.drawing import plain
from genreflow.report.figures import write_figures
from genreflow.report.headline import headlines
from genreflow.report.headline import warnings as cautions
from genreflow.report.leak import comparisons
from genreflow.report.material import Material, read_material
from genreflow.report.origin import provenance
from genreflow.report.page import inline_json, render
from genreflow.report.published import published
from genreflow.report.scores import leaderboards, waiting


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def material(made: Made) -> Material:
    return read_material(study=made.study, **made.paths)


@pytest.fixture(scope="module")
def page(material: Material) -> str:
    return render(material)


class Reader(HTMLParser):
    """The tags of a page, its text, and what its script elements hold."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.text, self.scripts, self.inside = [], [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")
        self.inside = tag

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)

    def handle_endtag(self, tag):
        self.inside = None


def test_page_is_complete_in_itself(page):
    reader = Reader(page)
    places = [v for _, a in reader.tags for k, v in a.items() if k in ("src", "href", "data")]
    assert all(place.startswith(("#", "data:image/png;base64,")) for place in places)
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert "@import" not in page and "url(" not in page


def test_hostile_names_are_text(page):
    reader = Reader(page)
    assert len(reader.scripts) == 2
    assert all(a.get("src", "").startswith("data:") for t, a in reader.tags if t == "img")
    assert not any(name.startswith("on") for _, a in reader.tags for name in a)
    content = json.loads(reader.scripts[0])
    assert HOSTILE[0] in content["splits"][0]["classes"]
    shown = set(content["names"])
    assert {f"{name}.wav" for name in HOSTILE} <= shown
    assert HOSTILE[2] in "".join(reader.text)
    assert "{{ 7*7 }}" in page and "\u2028" not in reader.scripts[0]


def test_policy_allows_the_page_s_own_script(page):
    import base64
    import hashlib

    script = Reader(page).scripts[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.replace("&#39;", "'").replace("&#43;", "+")


@pytest.mark.parametrize("name", HOSTILE)
def test_inline_json_round_trip(name):
    text = inline_json({"name": name})
    assert json.loads(text) == {"name": name}
    assert not set(text) & set("<>&\u2028\u2029")


def test_page_says_what_matters(page):
    text = re.sub(r"\s+", " ", "".join(Reader(page).text))
    assert "Best on artist" in text
    assert "Few artists in the test part (14 on artist)" in text
    assert "Features: summary." in text
    assert "Some artists are not known in mine" in text
    assert "put wav2vec2-base into data/pretrained/wav2vec2" in text
    assert "silent: the peak is 0" in text
    assert "the same recording is labelled blues and classical" in text
    assert "scikit-learn" in text and "5ca1ab1e" in text
    assert "exact · stratified k-fold by artist · 5 folds · seed 0" in text


def test_runs_are_ranked_by_the_metric(material):
    board = leaderboards(material)[0]
    values = [row["key"] for row in board["rows"]]
    assert board["name"] == "artist" and values == sorted(values, reverse=True)
    study = material.study | {"statistics": {"metric": "log_loss"}}
    by_loss = Material(**{**vars_of(material), "study": study})
    values = [row["key"] for row in leaderboards(by_loss)[0]["rows"]]
    assert values == sorted(values)


def vars_of(material: Material) -> dict:
    return {name: getattr(material, name) for name in material.__dataclass_fields__}


def test_published_figures_stand_beside_runs(material, page):
    board = next(b for b in leaderboards(material) if b["name"] == "random")
    row = next(r for r in board["rows"] if r["run"] == "xgboost_tuned")
    assert row["published"]["text"] == "79.0\u202f%" and row["published_at"] is not None
    rows = {(row["run"], row["split"]): row for row in published(material)["rows"]}
    assert rows["wav2vec2", "random"]["measured_text"] == "not run"
    forest = material.score("random", "forest", "accuracy")
    assert rows["forest", "random"]["difference"] == pytest.approx(forest["value"] - 0.755)
    assert rows["forest", "random"]["inside"] == (forest["low"] <= 0.755 <= forest["high"])
    assert rows["forest", "random"]["note"] in page


def test_leak_is_artist_minus_random(material):
    rows = {row["run"]: row for row in comparisons(material)[0]["rows"]}
    hard = material.score("artist", "forest", "accuracy")["value"]
    easy = material.score("random", "forest", "accuracy")["value"]
    assert rows["forest"]["points"]["artist"]["difference"] == pytest.approx(hard - easy)
    one = Material(**{**vars_of(material), "splits": {"artist": material.splits["artist"]}})
    assert comparisons(one) == []
    assert "artist" in render(one)


def test_matrix_equals_the_table_and_the_guesses(material):
    content = explorer(material)
    for split in content["splits"]:
        size = len(split["classes"])
        for run in split["runs"]:
            unpacked = np.zeros(size * size)
            cells = np.cumsum(run["cells"][::2])
            unpacked[cells] = run["cells"][1::2]
            expected = matrix(material, split["name"], run["name"])
            np.testing.assert_array_equal(unpacked.reshape(size, size), expected)
            for cell, number, tracks in zip(
                cells.tolist(), run["cells"][1::2], run["tracks"], strict=True
            ):
                assert 0 < len(tracks) <= number
                truth, guess = (split["classes"][i] for i in divmod(cell, size))
                own = material.guesses.filter(
                    pl.col("split") == split["name"],
                    pl.col("run") == run["name"],
                    pl.col("part") == "test",
                    pl.col("truth") == truth,
                    pl.col("predicted") == guess,
                )
                assert {content["names"][at] for at in tracks} <= set(own["track_id"])


def test_names_give_way_to_size(material):
    full, less, none = (explorer(material, name_bytes=n) for n in (10**7, 6_000, 10))
    assert len(full["names"]) > len(less["names"]) > len(none["names"]) == 0
    assert len(json.dumps(less["names"])) <= 6_000
    runs = [[run for split in c["splits"] for run in split["runs"]] for c in (full, less, none)]
    for of_full, of_less, of_none in zip(*runs, strict=True):
        assert of_full["cells"] == of_less["cells"] == of_none["cells"]
        kept = [(len(a), len(b)) for a, b in zip(of_full["tracks"], of_less["tracks"], strict=True)]
        # No cell gets a second name before every one has its first.
        assert max(b for _, b in kept) <= 1 + min(b for a, b in kept if a > b)


def test_part_counts_sum_to_the_labelled_tracks(material):
    tracks = material.tracks["mine"]
    for split in material.splits.values():
        table = part_counts(split)
        total = table.drop("label").to_numpy().sum()
        assert total == pytest.approx(tracks["labels"].list.len().sum())


def test_few_artists_are_as_few_as_in_the_evaluation(material):
    for clusters, warned in ((FEW_CLUSTERS - 1, True), (FEW_CLUSTERS, False)):
        metrics = material.metrics.with_columns(clusters=pl.lit(clusters, pl.Int32))
        texts = cautions(Material(**{**vars_of(material), "metrics": metrics}))
        assert any("Few artists in the test part" in text for text in texts) == warned


def test_headline_and_warnings(material):
    line = headlines(material)[0]
    assert line["split"] == "artist" and line["value"].endswith("%")
    assert any("wav2vec2 was not run" in text for text in cautions(material))
    only = {"random": material.splits["random"]}
    mixed = Material(**{**vars_of(material), "splits": only})
    assert any("No split keeps artists apart" in text for text in cautions(mixed))


def test_warnings_of_one_kind_are_one_line_for_all_splits(material):
    few = material.metrics.with_columns(
        tracks=pl.lit(7, pl.Int32),
        support=pl.when(pl.col("target") == "jazz").then(3).otherwise(99),
    )
    texts = cautions(Material(**{**vars_of(material), "metrics": few}))
    assert sum("test tracks" in text for text in texts) == 2
    assert any("(7 on artist, 7 on random)" in text for text in texts)
    assert any("fewer than 10 test tracks: jazz on artist; jazz on random." in t for t in texts)
    every = few.with_columns(support=pl.lit(1))
    texts = cautions(Material(**{**vars_of(material), "metrics": every}))
    assert any("all 6 on artist; all 6 on random." in text for text in texts)


def test_headline_names_runs_that_score_the_same(material):
    same = material.metrics.with_columns(
        value=pl.when(pl.col("run").is_in(["knn", "svm", "sgd"])).then(0.99).otherwise("value")
    )
    line = headlines(Material(**{**vars_of(material), "metrics": same}))[0]
    assert (line["run"], line["tied"]) == ("knn", "sgd and svm")


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([10.0] * 20, "All tracks last 10\u202fs, to within 5\u202f%."),
        (
            [10.0] * 19 + [4.0],
            "19 of 20 tracks last 10\u202fs, to within 5\u202f%; the other lasts 4.0\u202fs.",
        ),
        (
            [30.0] * 38 + [4.0, 90.0],
            "38 of 40 tracks last 30\u202fs, to within 5\u202f%; "
            "the other 2 last 4.0\u202fs to 1\u202fmin 30\u202fs.",
        ),
        (list(range(100, 200)), ""),
        ([], "No track counts."),
    ],
)
def test_lengths_are_told_where_nearly_all_are_one(lengths, expected):
    assert same_length(np.array(lengths, dtype=np.float64)) == expected


def test_runs_skipped_for_one_reason_are_one_row(material):
    skipped = material.runs.with_columns(
        status=pl.lit("skipped"), reason=pl.lit("put the audio at data/mine")
    )
    none_done = Material(**{**vars_of(material), "runs": skipped})
    board = leaderboards(none_done)[0]
    assert "forest" in board["skipped"] and board["rows"] == []
    (row,) = waiting(none_done)
    assert row["reason"] == "put the audio at data/mine"
    assert [each["run"] for each in row["runs"]] == sorted(set(skipped["run"]))
    assert all(each["splits"] == [] for each in row["runs"])


def test_titles_of_models_and_datasets_and_citations(made, material):
    study = made.study | {
        "titles": {"forest": "Random <forest>", "knn": "knn"},
        "datasets": {"mine": {"title": "My & music", "citation": "A. Author <2002>"}, "other": {}},
    }
    titled = Material(**{**vars_of(material), "study": study})
    rows = {row["run"]: row["what"] for row in leaderboards(titled)[0]["rows"]}
    assert (rows["forest"], rows["knn"], rows["svm"]) == ("Random <forest>", "", "")
    page = render(titled)
    assert "Random &lt;forest&gt;" in page and "<forest>" not in page
    assert "My &amp; music" in page and "A. Author &lt;2002&gt;" in page
    settings = provenance(titled)["config"]
    assert "forest" in settings and "Random" not in settings and "citation" not in settings


def test_a_title_takes_the_place_of_the_model_s_name(material):
    study = material.study | {"titles": {"forest": "Random forest"}}
    runs = material.runs.with_columns(
        model=pl.when(pl.col("run") == "forest").then(pl.lit("rf")).otherwise("model"),
        features=pl.when(pl.col("run") == "forest").then(pl.lit("mel")).otherwise("features"),
    )
    board = leaderboards(Material(**{**vars_of(material), "study": study, "runs": runs}))[0]
    row = next(row for row in board["rows"] if row["run"] == "forest")
    assert row["what"] == "Random forest · mel"


def test_variants_that_train_or_test_are_told_beside_the_features(material):
    told = {
        "knn": ("stretch0.81", None),
        "forest": ("stretch0.81, stretch1.23, shift5s", "noise20"),
        "svm": (None, "noise20"),
    }
    variants, tested = ({run: both[at] for run, both in told.items()} for at in (0, 1))
    runs = material.runs.with_columns(
        variants=pl.col("run").replace_strict(variants, default=None),
        test_variant=pl.col("run").replace_strict(tested, default=None),
    )
    board = leaderboards(Material(**{**vars_of(material), "runs": runs}))[0]
    rows = {row["run"]: row["what"].split(" · ")[-1] for row in board["rows"]}
    assert board["features"] == ""
    assert rows["knn"] == "summary + stretch0.81"
    assert rows["forest"] == "summary + 3 variants, tested on noise20"
    assert rows["svm"] == "summary, tested on noise20"
    assert rows["xgboost"] == "summary"


def test_provenance_tells_the_copies_and_rows_that_train(material):
    first, *others = material.run_files
    copies = {"stretch0.81": 0, "noise20": 3}
    features = first["features"] | {"variants": [*copies], "test_variant": "gain-6"}
    folds = [fold | {"train_rows": 1997} for fold in first["folds"]]
    first = first | {"features": features, "missing_copies": copies, "folds": folds}
    changed = Material(**{**vars_of(material), "run_files": [first, *others]})
    runs = provenance(changed)["runs"]
    lines = {(run["run"], run["split"]): run["lines"] for run in runs}
    assert lines.pop((first["run"], first["split"])) == [
        "trained with stretch0.81, noise20 (3 missing)",
        "trained on 1,997 rows",
        "tested on gain-6",
    ]
    assert lines["svm", "random"] == ["195,826 parameters", "best epoch 11"]
    assert lines["svm", "artist"] == ["195,826 parameters", "best epoch 11 to 15"]
    assert not any(own for (run, _), own in lines.items() if run != "svm")
    assert "<small>trained on 1,997 rows</small>" in render(changed)


def test_provenance_tells_the_weights_that_a_run_began_with(material):
    first, *others = material.run_files
    weights = {"fcn_msd": "6012aa7e" + 56 * "0", "mine": None}
    first = first | {"weights": weights}
    changed = Material(**{**vars_of(material), "run_files": [first, *others]})
    told = provenance(changed)
    lines = {(run["run"], run["split"]): run["lines"] for run in told["runs"]}
    assert "with the weights fcn_msd and mine" in lines[first["run"], first["split"]]
    digests = [row for row in told["digests"] if row[0] == "Pretrained weights, SHA-256"]
    assert digests == [
        ("Pretrained weights, SHA-256", "fcn_msd", weights["fcn_msd"]),
        ("Pretrained weights, SHA-256", "mine", "not named in the config"),
    ]


def test_names_may_break_after_underscores(page):
    assert "<bdi>xgboost_<wbr>tuned</bdi>" in page


def test_study_without_a_run_still_has_a_page(material):
    empty = {
        name: getattr(material, name).clear()
        for name in ("metrics", "confusion", "guesses", "published", "runs")
    }
    page = render(Material(**{**vars_of(material), **empty, "run_files": [], "examples": {}}))
    assert "No run was measured" in page


def test_split_whose_runs_were_all_skipped(material):
    other = material.runs.filter(pl.col("status") == "skipped").head(1)
    other = other.with_columns(split=pl.lit("elsewhere"), reason=pl.lit("put it there"))
    runs = pl.concat([material.runs, other])
    page = render(Material(**{**vars_of(material), "runs": runs}))
    assert "elsewhere" in page and "put it there" in page


def test_dataset_without_usable_tracks(material):
    tracks = material.tracks["mine"].with_columns(
        status=pl.lit("quarantined"), rms=pl.lit(None, pl.Float64), artist=pl.lit(None, pl.String)
    )
    assert "quarantine" in render(Material(**{**vars_of(material), "tracks": {"mine": tracks}}))


def test_metric_that_is_not_a_number_is_unknown(made, tmp_path):
    metrics = pl.read_parquet(made.paths["metrics"])
    gone = pl.col("run").is_in(["knn", "dummy"])
    metrics = metrics.with_columns(
        pl.when(gone).then(float("nan")).otherwise(pl.col(name)).alias(name)
        for name in ("value", "low", "high")
    )
    metrics.write_parquet(tmp_path / "metrics.parquet")
    paths = made.paths | {"metrics": str(tmp_path / "metrics.parquet")}
    material = read_material(study=made.study, **paths)
    last = leaderboards(material)[0]["rows"][-2:]
    assert [(row["run"], row["value"]) for row in last] == [("dummy", "–"), ("knn", "–")]
    assert "nan" not in inline_json(explorer(material)).lower()
    render(material)


def test_figures_are_equal_bytes_and_never_warn(made, material, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_figures(material, tmp_path / "a")
    few = Material(**{**vars_of(material), "runs": material.runs.filter(pl.col("run") == "forest")})
    write_figures(few, tmp_path / "b")
    write_figures(few, tmp_path / "c")
    names = {path.name for path in (tmp_path / "a").iterdir()}
    for stem in (
        "leaderboard_artist",
        "splits_compared",
        "confusion_forest_random",
        "tracks_random",
        "examples_mine",
    ):
        assert {f"{stem}.svg", f"{stem}.png"} <= names
    for path in sorted((tmp_path / "b").iterdir()):
        assert path.read_bytes() == (tmp_path / "c" / path.name).read_bytes()
        if path.suffix == ".svg":
            text = path.read_text(encoding="utf-8")
            assert "<script" not in text and "onerror=" not in text.replace("&quot;", "")


def test_plain_leaves_formulas_and_replaces_missing_glyphs():
    assert plain("a $x^{2$") == "a $x^{2$"
    assert plain("東\x01\u202eb") == "□□□b"
    assert len(plain("x" * 99)) == 32


def test_size_and_script_at_114_labels_and_20_runs(tmp_path: Path):
    made = make_study(tmp_path, labels=114, runs=20, per_label=60)
    page = render(read_material(study=made.study, **made.paths))
    assert len(page.encode()) < 15e6
    assert "12 of 114 labels are shown" in page


def test_report_script(made, material, tmp_path):
    from report import write_report

    few = pl.read_parquet(made.paths["runs"]).filter(pl.col("run") == "forest")
    few.write_parquet(tmp_path / "runs.parquet")
    paths = made.paths | {"runs": str(tmp_path / "runs.parquet")}
    write_report(
        study=made.study,
        **paths,
        html=str(tmp_path / "report.html"),
        figures=str(tmp_path / "figures"),
    )
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "figures" / "leaderboard_artist.svg").is_file()
