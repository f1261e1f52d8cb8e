"""Splits, clusterings and tables of a study: what does not go together is told at once."""

import copy

import pytest
import yaml

from genreflow.config import read_study
from genreflow.errors import GenreflowError
from genreflow.evaluation.names import OVERALL
from genreflow.protocol import UNLABELLED
from genreflow.schema import schema_of

TABLE = {
    "kind": "table",
    "root": "data/songs",
    "table": "songs.csv",
    "columns": {"label": "genre"},
    "features": {"tempo": "number", "energy": "number"},
}
STUDY = {
    "study": "mine",
    "dataset": "songs",
    "runs": {"forest": {"model": "random_forest", "features": "table"}},
    "splits": {
        "random": {"method": "published"},
        "grouped": {"method": "group", "conflicts": "keep"},
        "groups": {"method": "clusters", "of": "random", "clustering": "kmeans", "sample": 10},
        "several": {"task": "multi_label", "method": "stratified_kfold", "choose": ["a", "b"]},
    },
    "clusterings": {"kmeans": {"algorithm": "kmeans", "clusters": 2}},
}


# A dataset with two numbers, and a split of each method that takes them.
NUMBERED = TABLE | {
    "columns": {"label": "genre", "targets": {"tempo": "bpm", "energy": "nrg"}},
    "features": {"loudness": "number"},
}
REGRESSION = {
    "task": "regression",
    "splits": {method: {"method": method} for method in UNLABELLED if method != "given"},
    "clusterings": {},
}


@pytest.fixture
def folder(tmp_path):
    """A working directory with the dataset and a map."""
    for kind in ("datasets", "maps"):
        (tmp_path / "config" / kind).mkdir(parents=True)
    (tmp_path / "config/datasets/songs.yaml").write_text(yaml.safe_dump(TABLE))
    (tmp_path / "config/maps/mine.yaml").write_text("clusters: {x: [a], y: [b]}\ndropped: [c]\n")
    return tmp_path


def read(folder, **paths):
    """The study with values set at dotted paths (double underscore for the dot)."""
    study = copy.deepcopy(STUDY)
    for path, value in paths.items():
        *parents, last = path.split("__")
        node = study
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return read_study(study, source="mine.yaml", folder=folder)


def read_numbers(folder, **paths):
    """The study with splits of numbers, with values set at dotted paths."""
    text = yaml.safe_dump(NUMBERED, sort_keys=False)
    (folder / "config/datasets/numbers.yaml").write_text(text)
    own = {"dataset": "numbers", "runs__forest__model": "ridge"}
    return read(folder, **(copy.deepcopy(REGRESSION) | own | paths))


def test_every_split_of_numbers_knows_which_they_are(folder):
    study = read_numbers(folder, splits__kfold__targets=["energy"])
    splits = study.settings["splits"]
    assert splits.pop("kfold")["targets"] == ["energy"]
    for split in splits.values():
        assert split["targets"] == ["tempo", "energy"], "all, in the order of the dataset"
        assert split["task"] == "regression"
        assert not {"choose", "several", "conflicts", "sample"} & split.keys()


def test_splits_of_labels_know_nothing_of_numbers(folder):
    splits = read_numbers(
        folder,
        splits__labels={"method": "kfold", "task": "single_label"},
        runs__forest__splits=["kfold"],
    )
    assert splits.settings["splits"]["labels"] == {
        **{"method": "kfold", "dataset": "numbers", "task": "single_label", "seed": 0},
        **{"several": "exclude", "conflicts": "exclude"},
        **{"folds": 5, "validation": 0.0, "repeats": 1},
    }


def test_limits_shorten_splits_of_numbers(folder):
    splits = read_numbers(folder, limits={"folds": 2}).settings["splits"]
    assert splits["kfold"]["folds"] == splits["group_kfold"]["folds"] == 2


def test_a_run_may_predict_some_of_the_numbers_of_its_splits(folder):
    runs = read_numbers(
        folder,
        splits__fixed__targets=["energy"],
        runs__forest__targets=["tempo"],
        runs__forest__splits=["kfold", "group"],
    ).settings["runs"]
    assert runs["forest"]["targets"] == ["tempo"]


LABELS = {"method": "published", "task": "single_label"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"splits__x": {"method": "stratified_kfold"}},
            ["splits.x", "'stratified_kfold'", "shares of labels", "kfold, group_kfold"],
        ),
        ({"splits__x": {"method": "stratified"}}, ["splits.x", "shares of labels"]),
        ({"splits__published__stratify": True}, ["splits.published", "'stratify'", "take it out"]),
        ({"splits__kfold__choose": ["a", "b"]}, ["splits.kfold", "'choose'", "labels do not"]),
        ({"splits__kfold__sample": 9}, ["splits.kfold", "'sample'"]),
        ({"splits__kfold__several": "rarest"}, ["splits.kfold", "'several'"]),
        ({"splits__kfold__conflicts": "keep"}, ["splits.kfold", "'conflicts'"]),
        ({"splits__kfold__group": "artist"}, ["splits.kfold", "'group'", "folds, validation"]),
        ({"splits__kfold__targets": ["tempi"]}, ["splits.kfold.targets", "mean 'tempo'"]),
        ({"splits__kfold__targets": []}, ["splits.kfold.targets"]),
        ({"splits__kfold__dataset": "songs"}, ["splits.kfold", "datasets/songs.yaml names none"]),
        ({"splits__x": LABELS | {"targets": ["tempo"]}}, ["splits.x", "'targets'", "labels"]),
        (
            {"splits__x": {"method": "kfold", "task": "multi_label", "targets": ["tempo"]}},
            ["splits.x", "'targets'", "several labels"],
        ),
        ({"runs__forest__targets": ["loudness"]}, ["runs.forest.targets", "'loudness'"]),
        (
            {"runs__forest__targets": ["tempo"], "splits__fixed__targets": ["energy"]},
            ["runs.forest.targets", "split 'fixed'"],
        ),
        (
            {"runs__forest__targets": ["tempo"], "splits__x": LABELS},
            ["runs.forest.targets", "labels are predicted on the split 'x'", "run's splits"],
        ),
        (
            {
                "clusterings": {"kmeans": {"algorithm": "kmeans", "clusters": 2}},
                "splits__x": {"method": "clusters", "of": "kfold", "clustering": "kmeans"},
            },
            ["splits.x.of", "'kfold' is a split of numbers"],
        ),
    ],
    ids=str,
)
def test_what_does_not_go_with_numbers_is_told(folder, change, words):
    with pytest.raises(GenreflowError) as error:
        read_numbers(folder, **change)
    for word in ["mine.yaml", *words]:
        assert word in str(error.value)


def test_every_split_knows_its_dataset_and_its_task(folder):
    splits = read(folder, task="single_label").settings["splits"]
    assert {split["dataset"] for split in splits.values()} == {"songs"}
    tasks = {name: split["task"] for name, split in splits.items()}
    assert tasks == dict.fromkeys(("random", "grouped", "groups"), "single_label") | {
        "several": "multi_label"
    }
    assert not {"several", "conflicts"} & splits["several"].keys()


def test_a_split_of_clusters_takes_the_dataset_of_the_split_that_it_is_made_of(folder):
    study = read(folder, dataset="songs", splits__random__dataset="songs")
    assert study.dataset_of("groups") == "songs"
    assert study.clustered() == [("kmeans", "random")]
    assert study.features_of_clusters("kmeans", "random") == "table"


def test_a_map_made_by_hand_is_read(folder):
    study = read(folder, clusterings__kmeans={"map": "mine"})
    assert study.clusterings["kmeans"] == {
        "map": {"clusters": {"x": ["a"], "y": ["b"]}, "dropped": ["c"]}
    }


def test_a_map_may_be_laid_over_several_folds(folder):
    study = read(folder, clusterings__kmeans={"map": "mine"}, splits__random__repeats=3)
    assert study.settings["splits"]["random"]["repeats"] == 3


def test_limits_shorten_repeats_and_networks(folder):
    study = read(
        folder,
        splits__grouped__repeats=9,
        runs__mlp={"model": "mlp_spotify", "features": "table"},
        limits={"repeats": 2, "epochs": 3},
    )
    assert study.settings["splits"]["grouped"]["repeats"] == 2
    assert study.models["mlp"]["parameters"]["epochs"] == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"splits__groups__of": "randm"}, ["splits.groups.of", "'random'"]),
        ({"splits__groups__of": "groups"}, ["splits.groups.of", "clusters"]),
        ({"splits__random__repeats": 2}, ["splits.groups.of", "one fold and one repeat"]),
        ({"splits__groups__of": "several"}, ["splits.groups.of", "several labels"]),
        ({"splits__groups__clustering": "kmean"}, ["splits.groups.clustering", "'kmeans'"]),
        ({"splits__groups": {"method": "clusters", "of": "random"}}, ["needs 'clustering'"]),
        ({"splits__groups__test": 0.3}, ["splits.groups", "'test'", "clusters"]),
        ({"splits__random__of": "grouped"}, ["splits.random", "'of'", "published"]),
        ({"splits__several__several": "rarest"}, ["splits.several", "'several'"]),
        ({"splits__several__conflicts": "keep"}, ["splits.several", "'conflicts'"]),
        ({"splits__random__sample": "smalest"}, ["splits.random.sample", "'smallest'"]),
        ({"splits__random__choose": ["a"]}, ["splits.random.choose"]),
        ({"clusterings__kmeans": {}}, ["clusterings.kmeans", "'algorithm' or 'map'"]),
        (
            {"clusterings__kmeans": {"map": "mine", "algorithm": "kmeans"}},
            ["clusterings.kmeans", "'algorithm' or 'map'"],
        ),
        ({"clusterings__kmeans__clusters": 1}, ["clusterings.kmeans.clusters"]),
        ({"clusterings__kmeans": {"algorithm": "kmeans"}}, ["needs 'clusters'"]),
        (
            {"clusterings__kmeans__algorithm": "affinity_propagation"},
            ["'clusters'", "affinity_propagation"],
        ),
        ({"clusterings__kmeans": {"map": "mien"}}, ["config/maps/mien.yaml", "'mine'"]),
        ({"clusterings__kmeans__features": "summary"}, ["clusterings.kmeans.features"]),
        ({"runs__forest__features": "summary"}, ["runs.forest", "is a table", "'table'"]),
        ({"runs__forest__variants": ["noise20"]}, ["runs.forest", "is of a table"]),
        (
            {"runs__forest__thresholds": 1.5},
            ["runs.forest.thresholds", "above 0 below 1", "'validation'"],
        ),
        ({"runs__forest__thresholds": "best"}, ["runs.forest.thresholds", "'validation'"]),
        ({"explain": [{"run": "forst", "split": "random"}]}, ["explain.0.run", "'forest'"]),
        ({"dataset": "gtzan"}, ["runs.forest", "'table'"]),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_told(folder, change, words):
    with pytest.raises(GenreflowError) as error:
        read(folder, **change)
    for word in ["mine.yaml", *words]:
        assert word in str(error.value)


def test_a_run_on_audio_cannot_take_what_only_a_table_gives(folder):
    with pytest.raises(GenreflowError, match=r"runs.forest: .*'table' comes from a table.*'gtzan'"):
        read(folder, splits__sound={"method": "stratified", "dataset": "gtzan"})


def test_a_table_cannot_give_a_set_that_is_known_to_give_arrays(folder):
    (folder / "config/datasets/songs.yaml").write_text(
        yaml.safe_dump(TABLE | {"feature_set": "chroma"})
    )
    with pytest.raises(GenreflowError, match=r"datasets/songs.yaml: feature_set: 'chroma'.*arrays"):
        read(folder, runs__forest__features="chroma")


def test_a_label_that_stands_twice_in_a_map_is_refused(folder):
    (folder / "config/maps/mine.yaml").write_text("clusters: {x: [a], y: [b, a]}\ndropped: []\n")
    with pytest.raises(GenreflowError, match=r"maps/mine.yaml: 'a' stands under 'x' and 'y'"):
        read(folder, clusterings__kmeans={"map": "mine"})


@pytest.mark.parametrize("place", ["statistics", "published"])
def test_the_metrics_of_the_schema_are_those_that_are_measured(place):
    part = schema_of("study")["properties"][place]
    part = part["items"] if place == "published" else part
    measured = {name for names in OVERALL.values() for name in names}
    assert set(part["properties"]["metric"]["enum"]) == measured
