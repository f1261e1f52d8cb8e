"""Learning curves, features, clusterings and explanations in the report, from made-up tables."""

import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from report_fixtures import HOSTILE
from sklearn.metrics import pair_confusion_matrix

from genreflow.explore import Explored, explore
from genreflow.report import closeness, clusterings, curves, explained, explored
from genreflow.report.cluster_map import LETTER, LINE, WIDTH, cluster_map
from genreflow.report.heatmap import MOST, heat_map
from genreflow.report.material import Material
from genreflow.report.page import FOLDER

SECTIONS = {
    "curves": curves,
    "explored": explored,
    "clusterings": clusterings,
    "explained": explained,
}
METRICS = {
    **dict.fromkeys(["run", "split", "part", "target", "metric"], pl.String),
    **dict.fromkeys(["value", "low", "high"], pl.Float64),
}
PUBLISHED = {
    **dict.fromkeys(["run", "split", "metric", "source", "protocol", "note"], pl.String),
    **dict.fromkeys(["published", "measured", "low", "high"], pl.Float64),
    "same_protocol": pl.Boolean,
}
CLUSTERS = {
    **dict.fromkeys(["split", "clustering"], pl.String),
    **dict.fromkeys(["repeat", "fold"], pl.Int32),
    **dict.fromkeys(["label", "cluster"], pl.String),
    **dict.fromkeys(["x", "y"], pl.Float64),
}
CLOSENESS = {
    **dict.fromkeys(["run", "split", "clustering", "metric"], pl.String),
    **dict.fromkeys(["value", "low", "high"], pl.Float64),
    **dict.fromkeys(["tracks", "clusters"], pl.Int32),
    "floor": pl.Float64,
}
AGREEMENT = {
    **dict.fromkeys(["split", "clustering", "other"], pl.String),
    "adjusted_rand": pl.Float64,
}


# ---------------------------------------------------------------- made-up tables


def made_history(epochs: int, folds: int, *, seed=0, validation=True, rate=0.9) -> pl.DataFrame:
    """Epochs of a network that learns its tracks by heart."""
    rng = np.random.default_rng(seed)
    rows = []
    for fold in range(folds):
        slow = rng.uniform(3, 6)
        for epoch in range(1, epochs + 1):
            done = 1 - np.exp(-epoch / slow)
            for part in ("train", "validation")[: 1 + validation]:
                worse = 0.12 * done**2 if part == "validation" else 0.0
                rows.append(
                    {
                        "repeat": 0,
                        "fold": fold,
                        "epoch": epoch,
                        "part": part,
                        "loss": 4.7 - 2.4 * done + 3 * worse**2 * epoch + rng.normal(0, 0.02),
                        "accuracy": 0.01 + 0.37 * done - worse / 2 + rng.normal(0, 0.004),
                        "r2": None,
                        "learning_rate": 1e-3 * rate**epoch,
                        "seconds": 3.2 if part == "train" else 0.8,
                        "seconds_loading": 0.5 if part == "train" else 0.1,
                    }
                )
    return pl.DataFrame(rows)


def made_explored(table: np.ndarray, names: list[str], genres: list[str]) -> Explored:
    """What is found in a table, some of whose cells are NaN."""
    labels = sorted(set(genres))
    members = np.array([[genre == label for label in labels] for genre in genres])
    return explore(table, names, members, labels)


def made_table(labels: list[str], features: list[str], each: int, seed=0) -> tuple:
    rng = np.random.default_rng(seed)
    middles = rng.normal(0, 0.6, (len(labels), len(features)))
    mix = np.eye(len(features)) + 0.3 * rng.normal(0, 1, (len(features),) * 2)
    noise = rng.normal(0, 1, (len(labels) * each, len(features)))
    table = (np.repeat(middles, each, axis=0) + noise) @ mix
    table[::50, 0] = np.nan
    table[:, -1] = 4.0
    return table, list(np.repeat(labels, each))


def made_clusters(means: np.ndarray, labels: list[str], named: dict[str, int]) -> pl.DataFrame:
    """Clusters of labels by k-means, and one made by hand that drops some."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    x, y = PCA(2).fit_transform(means).T
    rows = []
    for name, count in named.items():
        model = KMeans(count, n_init=1, random_state=count).fit(means)
        far = ((means - model.cluster_centers_[model.labels_]) ** 2).sum(axis=1)
        own = [np.flatnonzero(model.labels_ == k) for k in range(count)]
        names = [labels[inside[far[inside].argmin()]] for inside in own]
        for at, label in enumerate(labels):
            cluster = names[model.labels_[at]]
            if name == "by_hand":
                cluster = None if at % 9 == 4 else f"group {model.labels_[at]}"
            rows.append(("random", name, 0, 0, label, cluster, x[at], y[at]))
    return pl.DataFrame(rows, schema=CLUSTERS, orient="row")


def made_shap(labels: list[str], features: list[str], tracks: int, seed=0) -> tuple:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (tracks, len(features)))
    worth = rng.normal(0, 0.05, (len(labels), len(features))) / (1 + np.arange(len(features)) / 4)
    shap = worth[:, None] * values * rng.uniform(0.5, 1, (len(labels), tracks, len(features)))
    ids = [f"track {at:04d}" for at in range(tracks)]
    frame = pl.DataFrame(
        {
            "label": np.repeat(labels, tracks * len(features)),
            "track_id": np.tile(np.repeat(ids, len(features)), len(labels)),
            "feature": np.tile(features, len(labels) * tracks),
            "value": np.tile(values.ravel(), len(labels)),
            "shap": shap.ravel(),
        }
    )
    mean = np.abs(worth).sum(axis=0) / 3 - 0.01
    importance = pl.DataFrame(
        {
            "feature": features,
            "mean": mean,
            "low": mean - 0.012,
            "high": mean + 0.012,
            "metric": "accuracy",
        }
    )
    return frame, importance


def score(run, split, value, metric="accuracy", half=0.01) -> dict:
    return {
        "run": run,
        "split": split,
        "part": "test",
        "target": None,
        "metric": metric,
        "value": value,
        "low": value - half,
        "high": value + half,
    }


def made_material(**changed) -> Material:
    """A study with nothing to show but what a test gives."""
    clustered = {
        f"on_{name}": {"method": "clusters", "of": "random", "clustering": name}
        for name in ("kmeans", "spectral", "affinity", "by_hand")
    }
    study = {
        "study": "made",
        "dataset": "mine",
        "task": "single_label",
        "runs": {
            "dummy": {"model": "dummy_prior"},
            "knn": {"model": "knn"},
            "mlp": {"model": "mlp_spotify"},
        },
        "splits": {
            "random": {"method": "published"},
            "several": {"method": "stratified", "task": "multi_label"},
            **clustered,
        },
        "clusterings": {
            "kmeans": {"algorithm": "kmeans", "clusters": 4},
            "spectral": {"algorithm": "spectral", "clusters": 5},
            "affinity": {"algorithm": "affinity_propagation"},
            "by_hand": {"map": "by_hand"},
        },
    }
    given = {
        "study": study,
        "metrics": pl.DataFrame(schema=METRICS),
        "published": pl.DataFrame(schema=PUBLISHED),
        "closeness": pl.DataFrame(schema=CLOSENESS),
        "clusters": pl.DataFrame(schema=CLUSTERS),
        "agreement": pl.DataFrame(schema=AGREEMENT),
        "splits": {name: pl.DataFrame() for name in study["splits"]},
        "tracks": {},
        "examples": {},
        "run_files": [],
        "history": {},
        "explained": {},
        "explored": {},
        **changed,
    }
    empty = pl.DataFrame()
    return Material(**{name: given.get(name, empty) for name in Material.__dataclass_fields__})


def made_closeness(runs: dict[str, float], names: dict[str, int]) -> pl.DataFrame:
    rows = [
        {
            "run": run,
            "split": "random",
            "clustering": name,
            "metric": metric,
            "value": value - shift,
            "low": value - shift - 0.02,
            "high": value - shift + 0.02,
            "tracks": 14_200,
            "clusters": clusters,
            "floor": 0.13,
        }
        for name, clusters in names.items()
        for run, value in runs.items()
        for metric, shift in (("accuracy", 0.0), ("balanced_accuracy", 0.05))
    ]
    return pl.DataFrame(rows, schema=CLOSENESS)


def made_published(run: str, split: str, value: float, metric="accuracy") -> pl.DataFrame:
    row = {
        "run": run,
        "split": split,
        "metric": metric,
        "published": value,
        "same_protocol": False,
    }
    return pl.DataFrame([row], schema=PUBLISHED)


CLUSTERINGS = {"kmeans": 4, "spectral": 5, "affinity": 6, "by_hand": 3}


def full_material(
    labels: list[str],
    features: list[str],
    *,
    clusterings: dict[str, int] = CLUSTERINGS,
    explained_labels: int = 3,
    explained_features: int = 5,
    shap_tracks: int = 30,
    each: int = 20,
) -> Material:
    """A study that has every section."""
    table, genres = made_table(labels, features, each)
    described = made_explored(table, features, genres)
    clusters = made_clusters(described.label_means, described.labels.tolist(), clusterings)
    names = list(clusterings)
    pairs = [(a, b) for at, a in enumerate(names) for b in names[at + 1 :]]
    agreement = [("random", a, b, 0.8 - 0.1 * at) for at, (a, b) in enumerate(pairs)]
    scores = [score("mlp", "random", 0.313), score("knn", "random", 0.246)]
    scores += [score("dummy", "random", 0.008), score("mlp", "several", 0.12, "exact_match")]
    scores += [score("mlp", f"on_{name}", 0.52 + 0.03 * at) for at, name in enumerate(names)]
    paper = zip(names, (0.5356, 0.5669, 0.5367, 0.6128), strict=True)
    published = [made_published("mlp", f"on_{name}", value) for name, value in paper]
    published.append(made_published("mlp", "random", 0.3339))
    shap = made_shap(labels[:explained_labels], features[:explained_features], shap_tracks)
    best = [{"repeat": 0, "fold": fold, "best_epoch": 40 + 9 * fold} for fold in range(5)]
    return made_material(
        metrics=pl.DataFrame(scores, schema=METRICS),
        published=pl.concat(published),
        closeness=made_closeness({"mlp": 0.53, "knn": 0.47, "dummy": 0.06}, clusterings),
        clusters=clusters,
        agreement=pl.DataFrame(agreement, schema=AGREEMENT, orient="row"),
        history={
            ("several", "mlp"): made_history(100, 5, rate=1.0),
            ("random", "mlp"): made_history(20, 1, validation=False),
            ("on_kmeans", "mlp"): made_history(20, 1),
        },
        run_files=[{"run": "mlp", "split": "several", "folds": best}],
        explained={("random", "mlp"): shap},
        explored={("mine", "table"): described},
    )


def rendered(material: Material) -> str:
    """The sections alone, one below the other."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = {name: module.section(material) for name, module in SECTIONS.items()}
    text = "".join(f'{{% include "{name}.html" %}}' for name in found if found[name])
    return environment.from_string(text).render(**found)


class Reader(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", "".join(Reader(html).text))


# ---------------------------------------------------------------- all sections


@pytest.fixture(scope="module")
def material() -> Material:
    labels = sorted([f"genre {at}" for at in range(11)] + HOSTILE[:3])
    return full_material(labels, [*(f"f{at}" for at in range(6)), *HOSTILE[3:]])


def test_sections_are_left_out_where_there_is_nothing_to_show():
    assert {m.section(made_material()) for m in SECTIONS.values()} == {None}
    assert [f for m in SECTIONS.values() for f in m.figures(made_material())] == []


def test_hostile_names_are_text(material):
    hostile = [f"{name} {at}" for at, name in enumerate(HOSTILE)]
    frame, importance = material.explained["random", "mlp"]
    labels = frame["label"].unique().sort().to_list()
    names = dict(zip(labels, hostile, strict=False))
    explained_pair = (frame.with_columns(pl.col("label").replace(names)), importance)
    changed = vars_of(material) | {"explained": {("random", "mlp"): explained_pair}}
    reader = Reader(page := rendered(Material(**changed)))
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"script", "img", "iframe", "object", "link", "image"}
    assert not any(name.startswith("on") for _, own in reader.tags for name in own)
    assert HOSTILE[0] in "".join(reader.text) and "{{ 7*7 }}" in page
    assert "url(" not in page and "src=" not in page.replace("&gt;&lt;img src=x", "")


def vars_of(material: Material) -> dict:
    return {name: getattr(material, name) for name in material.__dataclass_fields__}


def test_pages_and_figures_are_equal_for_equal_tables(material, tmp_path):
    from matplotlib import rc_context

    assert rendered(material) == rendered(material)
    names = []
    settings = {"svg.hashsalt": "genreflow", "text.parse_math": False}
    with rc_context(settings):
        for module in SECTIONS.values():
            for name, figure in module.figures(material):
                for folder in ("a", "b"):
                    path = tmp_path / f"{folder}.svg"
                    figure.savefig(path, metadata={"Date": None, "Creator": None})
                names.append(name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert len(set(names)) == len(names)
    assert {"curves_mlp_several", "correlation_mine_table", "covariance_mine_table"} <= set(names)
    assert {"clusters_by_hand_random", "together_random", "closeness_random"} <= set(names)
    assert {"shap_mlp_random", "shap_means_mlp_random", "importance_mlp_random"} <= set(names)


# ---------------------------------------------------------------- learning curves


def test_curves_of_folds_are_averaged_as_far_as_all_trained():
    history = made_history(12, 3).filter((pl.col("fold") != 1) | (pl.col("epoch") <= 7))
    lines = curves.fold_lines(history, "validation", "loss")
    assert [len(epochs) for epochs, _ in lines.values()] == [12, 7, 12]
    epochs, mean = curves.mean_line(lines)
    wanted = history.filter(pl.col("part") == "validation", pl.col("epoch") <= 7)
    wanted = wanted.group_by("epoch").agg(pl.col("loss").mean()).sort("epoch")
    assert epochs.tolist() == list(range(1, 8))
    np.testing.assert_allclose(mean, wanted["loss"])


def test_curves_say_what_training_ended_at(material):
    found = {(c["split"], c["run"]): c for c in curves.section(material)["charts"]}
    one = " · ".join(found["random", "mlp"]["facts"])
    assert "20 epochs" in one and "published: 33.4\u202f%" in one
    assert "test tracks: 31.3\u202f% [30.3, 32.3]" in one and "validation" not in one
    folded = found["several", "mlp"]
    assert "keeps the weights of epochs 40 to 76" in folded["facts"]
    assert folded["panels"][1]["title"].startswith("Exact match")
    thin = [line for line in folded["panels"][0]["lines"] if line["thin"]]
    assert len(thin) == 10 and len(folded["panels"][0]["marks"]) == 5
    assert folded["rate"] == {"constant": "0.001", "panel": None}
    assert found["random", "mlp"]["rate"]["panel"]["lines"]


def test_kept_epoch_is_marked_on_the_validation_curve():
    history = made_history(20, 1)
    run_files = [
        {"run": "mlp", "split": "random", "folds": [{"repeat": 0, "fold": 0, "best_epoch": 20}]}
    ]
    material = made_material(history={("random", "mlp"): history}, run_files=run_files)
    loss = curves.section(material)["charts"][0]["panels"][0]
    (mark,) = loss["marks"]
    end = next(line for line in loss["lines"] if line["kind"] == "validation")["path"]
    assert mark["x"] == 100 and float(end.split()[-1]) == pytest.approx(mark["y"], abs=0.06)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_curves_of_few_epochs(epochs):
    material = made_material(history={("random", "mlp"): made_history(epochs, 1)})
    html = rendered(material)
    assert "nan" not in html and "inf" not in re.sub(r"info\w*", "", html)
    assert all(list(curves.figures(material)))


def test_a_loss_that_is_no_number_leaves_a_gap():
    history = made_history(9, 1).with_columns(
        loss=pl.when(pl.col("epoch") > 5).then(float("nan")).otherwise("loss")
    )
    material = made_material(history={("random", "mlp"): history})
    loss = curves.section(material)["charts"][0]["panels"][0]
    assert "nan" not in str(loss) and loss["lines"][0]["path"].count("L") == 4


# ---------------------------------------------------------------- heat maps and features


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3), (114, 114)])
def test_heat_map_has_each_value_and_each_coloured_cell_once(shape):
    values = np.random.default_rng(0).integers(-2, 3, shape) / 2
    rows, columns = ([f"name {at}" for at in range(n)] for n in shape)
    drawn = heat_map(values, rows, columns, "title", top=1.0)
    kept = np.array([float(v) for v in drawn["values"].split()]).reshape(shape)
    np.testing.assert_array_equal(kept, values)
    seen = np.zeros(shape, dtype=int)
    for shade in drawn["shades"]:
        for x, y, wide in re.findall(r"M(\d+) (\d+)h(\d+)", shade["path"]):
            row, column = divmod(int(y) - drawn["top"], drawn["high"])[0], int(x) - drawn["left"]
            first, count = column // drawn["wide"], -(-int(wide) // drawn["wide"])
            seen[row, first : first + count] += 1
            assert (np.abs(values[row, first : first + count]) > 0).all()
    np.testing.assert_array_equal(seen, values != 0)


def test_heat_map_of_too_many_is_left_to_the_figures():
    names = [str(at) for at in range(MOST + 1)]
    assert heat_map(np.zeros((len(names),) * 2), names, names, "title") is None
    assert heat_map(np.zeros((0, 3)), [], names[:3], "title") is None


def test_strongest_pairs_are_those_of_the_correlation():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(200, 6))
    table[:, 4] = -table[:, 1] + 0.1 * rng.normal(size=200)
    names = [f"f{at}" for at in range(6)]
    pairs = explored.strongest_pairs(names, np.corrcoef(table.T))
    assert (pairs[0]["first"], pairs[0]["second"]) == ("f1", "f4")
    assert pairs[0]["value"].startswith("−0.9")
    sizes = [abs(float(pair["value"].replace("−", "-"))) for pair in pairs]
    assert sizes == sorted(sizes, reverse=True)


def test_features_are_summed_up_with_what_is_missing(material):
    (table,) = explored.section(material)["sets"]
    first = table["rows"][0]
    assert first["missing"] == 6 and first["missing_text"] == "6 (2.1\u202f%)"
    assert "the same in every track" in table["note"]
    text = words(rendered(material))
    assert "f0" in text and "9 features of 280 tracks" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.67132, "0.6713"),
        (121.0731, "121.1"),
        (228029.15, "228,029"),
        (-8.25, "−8.25"),
        (float("nan"), "–"),
        (0.0, "0"),
        (1.77e-5, "1.8e−05"),
    ],
)
def test_short_numbers(value, text):
    assert explored.short_number(value) == text


# ---------------------------------------------------------------- clusterings


def test_each_label_stands_once_in_each_clustering(material):
    (split,) = clusterings.section(material)["splits"]
    labels = sorted(material.clusters["label"].unique())
    for own in split["maps"]:
        found = [label for row in own["rows"] for label in row["labels"]] + own["dropped"]
        assert sorted(found) == labels
    by_hand = split["maps"][-1]
    assert by_hand["how"] == "made by hand" and len(by_hand["dropped"]) == 2
    assert "2 labels dropped" in by_hand["about"]
    assert [row["label"] for row in split["bands"]] == labels


def test_together_counts_pairs_as_scikit_learn_does(material):
    one = clusterings.first_fold(material, "random", "kmeans")
    two = clusterings.first_fold(material, "random", "spectral")
    _, counts = clusterings.together({"kmeans": one, "spectral": two})
    both = (counts - np.diag(np.diag(counts)) == 2).sum()
    assert both == pair_confusion_matrix(one["cluster"], two["cluster"])[1, 1]


def test_dropped_labels_stand_with_none(material):
    table = clusterings.first_fold(material, "random", "by_hand")
    labels, counts = clusterings.together({"by_hand": table})
    dropped = table.filter(pl.col("cluster").is_null())["label"]
    assert len(dropped) and counts[[labels.index(label) for label in dropped]].sum() == 0


def test_agreement_is_a_square_with_ones(material):
    rows = clusterings.section(material)["splits"][0]["agreement"]
    texts = [[cell["text"] for cell in row["cells"]] for row in rows]
    assert [texts[at][at] for at in range(4)] == ["1.00"] * 4
    assert texts == [list(column) for column in zip(*texts, strict=True)]


def test_names_on_the_map_do_not_overlap():
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {
            "label": [f"genre-{at:03d}" for at in range(114)],
            "cluster": [f"genre-{at % 20:03d}" if at % 10 else None for at in range(114)],
            "x": rng.normal(size=114),
            "y": rng.normal(size=114),
        }
    )
    order = clusterings.cluster_order(table)
    drawn = cluster_map(table, order)
    boxes = []
    for dot in drawn["dots"]:
        if dot["name"] is None:
            continue
        name, width = dot["name"], len(dot["text"]) * LETTER
        left = name["x"] - {"start": 0, "middle": width / 2, "end": width}[name["anchor"]]
        boxes.append((left, name["y"] - LINE + 3, left + width, name["y"] + 3))
        assert left >= 0 and left + width <= WIDTH
    clashes = sum(
        a[0] < b[2] - 0.2 and b[0] < a[2] - 0.2 and a[1] < b[3] - 0.2 and b[1] < a[3] - 0.2
        for at, a in enumerate(boxes)
        for b in boxes[at + 1 :]
    )
    assert clashes == 0
    assert drawn["hidden"] < 35


def test_map_of_labels_that_all_stand_in_one_place():
    table = pl.DataFrame({"label": ["a", "b"], "cluster": ["a", "a"], "x": [1.0, 1], "y": [0.0, 0]})
    assert len(cluster_map(table, ["a"])["dots"]) == 2
    assert cluster_map(table.clear(), []) is None


def test_closeness_stands_beside_training_on_the_clusters(material):
    tables = closeness.tables(material)
    assert [table["clustering"] for table in tables] == list(CLUSTERINGS)
    spectral = tables[1]
    assert [row["run"] for row in spectral["rows"]] == ["mlp", "knn", "dummy"]
    mlp = spectral["rows"][0]
    assert (mlp["exact"]["text"], mlp["near"]["text"]) == ("31.3\u202f%", "53.0\u202f%")
    assert mlp["near"]["interval"] == "[51.0, 55.0]" and mlp["balanced"]["text"] == "48.0\u202f%"
    assert mlp["trained"]["text"] == "55.0\u202f%" and mlp["published"]["text"] == "56.7\u202f%"
    assert spectral["rows"][1]["trained"] is None and spectral["rows"][1]["published"] is None
    assert "always the commonest cluster: 13.0\u202f%" in spectral["about"]


# ---------------------------------------------------------------- explanations


def test_features_are_ranked_by_mean_shap(material):
    shap, _ = material.explained["random", "mlp"]
    (run,) = explained.section(material)["runs"]
    means = (
        shap.with_columns(pl.col("shap").abs()).group_by("label", "feature").agg(pl.mean("shap"))
    )
    totals = means.group_by("feature").agg(pl.sum("shap")).sort("shap", descending=True)
    rows = run["bars"]["rows"]
    assert [row["feature"] for row in rows] == totals["feature"].to_list()
    np.testing.assert_allclose([row["total"] / 100 for row in rows], totals["shap"], rtol=1e-5)
    for row in rows:
        last = row["pieces"][-1]
        assert len(row["pieces"]) == 3 and last["x"] + last["width"] <= 100.05


def test_every_track_is_a_dot(material):
    shap, _ = material.explained["random", "mlp"]
    (run,) = explained.section(material)["runs"]
    for swarm in run["swarms"]:
        for row in swarm["rows"]:
            assert sum(dots["d"].count("M") for dots in row["dots"]) == shap["track_id"].n_unique()


def test_dots_of_one_place_stand_side_by_side():
    aside = explained.swarm(np.array([0.5, 0.5, 0.1, 0.5, 0.5]))
    assert sorted(aside[[0, 1, 3, 4]]) == [-1, 0, 1, 2]
    assert aside[2] == 0


def test_colours_follow_the_values():
    values = np.array([np.nan, -3.0, 0.0, 5.0, 900.0] + [1.0] * 60)
    shares = explained.value_shares(values)
    assert np.isnan(shares[0]) and shares[1] <= shares[2] <= shares[3] <= shares[4] == 1
    assert explained.value_shares(np.array([2.0, 2.0])).tolist() == [0.5, 0.5]
    assert np.isnan(explained.value_shares(np.array([np.nan]))).all()


def test_of_many_labels_some_are_drawn_and_all_are_mapped():
    labels, features = [f"genre {at:03d}" for at in range(40)], [f"f{at}" for at in range(20)]
    pair = made_shap(labels, features, 10)
    material = made_material(explained={("random", "mlp"): pair})
    (run,) = explained.section(material)["runs"]
    assert len(run["swarms"]) == explained.MOST_LABELS
    assert len(run["map"]["columns"]) == 40
    assert len(run["bars"]["rows"]) == explained.MOST_FEATURES
    text = words(rendered(material))
    assert "the first 15 of 20 features" in text and "6 of 40 labels" in text


def test_importance_stands_with_its_interval(material):
    (run,) = explained.section(material)["runs"]
    _, importance = material.explained["random", "mlp"]
    row = run["bars"]["rows"][0]
    own = importance.filter(pl.col("feature") == row["feature"]).row(0, named=True)
    assert row["lost"] == f"{100 * own['mean']:.1f}".replace("-", "−")
    assert row["low"] < row["at"] < row["high"]
    assert run["importance"]["title"] == "Accuracy lost, points"
