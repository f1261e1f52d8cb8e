"""A mistake in a config is found before anything runs, and its message helps."""

import copy
from dataclasses import asdict

import pytest
import yaml

from genreflow.audio.settings import DecodeSettings
from genreflow.config import SHIPPED, read_study
from genreflow.errors import GenreflowError
from genreflow.schema import read_yaml

STUDY = {
    "study": "mine",
    "dataset": "gtzan",
    "runs": {"forest": {"model": "random_forest", "features": "summary"}},
    "splits": {"random": {"method": "stratified"}},
}

PUBLISHED = {"run": "forest", "split": "random", "metric": "accuracy", "value": 1, "source": ""}


def changed(**paths):
    """The study with values set at dotted paths (double underscore for the dot)."""
    study = copy.deepcopy(STUDY)
    for path, value in paths.items():
        *parents, last = path.split("__")
        node = study
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return study


def read(study, folder):
    return read_study(study, source="mine.yaml", folder=folder)


def test_defaults_are_filled_in(tmp_path):
    study = read(STUDY, tmp_path)
    assert study.settings["statistics"] == {
        "confidence": 0.95,
        "resamples": 1000,
        "metric": "accuracy",
    }
    assert study.settings["splits"]["random"] == {
        "method": "stratified",
        "dataset": "gtzan",
        "task": "single_label",
        "several": "exclude",
        "conflicts": "exclude",
        "test": 0.2,
        "validation": 0.0,
        "repeats": 1,
        "seed": 0,
    }
    assert study.models["forest"]["estimator"] == "sklearn.ensemble.RandomForestClassifier"
    assert study.features["summary"]["rate"] == 22050
    assert study.pairs() == [("forest", "random")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"datset": "gtzan"}, ["mine.yaml", "datset", "did you mean 'dataset'"]),
        ({"seed": "abc"}, ["mine.yaml: seed", "integer", "'abc'"]),
        ({"runs__forest__model": "random_forrest"}, ["runs.forest.model", "'random_forest'"]),
        ({"runs__forest__features": "sumary"}, ["runs.forest.features", "'summary'"]),
        ({"runs__forest__split": ["x"]}, ["runs.forest", "'split'", "'splits'"]),
        ({"runs__forest__splits": ["randm"]}, ["runs.forest.splits", "'random'"]),
        ({"splits__random__method": "stratifed"}, ["splits.random.method", "'stratified'"]),
        ({"splits__random__folds": 3}, ["splits.random", "'folds'", "stratified", "test"]),
        ({"splits__random__test": 1.5}, ["splits.random.test", "1.5"]),
        (
            {"splits__random__test": 0.6, "splits__random__validation": 0.5},
            ["splits.random", "nothing to train on"],
        ),
        ({"splits__listed": {"method": "given"}}, ["splits.listed", "'list'"]),
        ({"dataset": "gtzam"}, ["config/datasets/gtzam.yaml", "'gtzan'"]),
        ({"statistics": {"metric": "acuracy"}}, ["statistics.metric", "'accuracy'"]),
        ({"splits__listed": {"method": "given", "list": "fault_filterd"}}, ["'fault_filtered'"]),
        ({"dataset": "a{b}"}, ["dataset", "a{b}"]),
        ({"runs": {}}, ["runs"]),
        ({"runs__forest__variants": ["stretch0.810"]}, ["runs.forest.variants", "'stretch0.81'"]),
        ({"runs__forest__variants": ["noise20", "noise20"]}, ["runs.forest.variants", "unique"]),
        ({"runs__forest__variants": ["original"]}, ["runs.forest.variants", "'original'"]),
        ({"runs__forest__test_variant": "strech2"}, ["runs.forest.test_variant", "'stretch'"]),
        ({"features": ["mle"]}, ["mine.yaml: features", "'mle'", "'mel'"]),
        (
            {"runs__forest__features": "mel"},
            ["runs.forest", "'mel' gives arrays", "'random_forest' takes vectors", "summary, "],
        ),
        ({"study": "../up"}, ["study", "../up"]),
        ({"runs__forest__features": []}, ["runs.forest.features", "[]", "non-empty"]),
        ({"runs__forest__features": ["summary"] * 2}, ["runs.forest.features", "non-unique"]),
        ({"runs__forest__features": 3}, ["runs.forest.features", "string or array", "3"]),
        ({"runs__forest__model": "ridge"}, ["runs.forest", "Ridge tells numbers", "'random'"]),
        (
            {"published": [{**PUBLISHED, "metric": "r2"}]},
            ["published.0.metric", "'r2'", "metrics of the split 'random'"],
        ),
        ({"published": [{**PUBLISHED, "run": "fores"}]}, ["published.0.run", "'forest'"]),
    ],
    ids=str,
)
def test_a_mistake_is_named_with_file_key_and_closest_name(tmp_path, change, words):
    with pytest.raises(GenreflowError) as error:
        read(changed(**change), tmp_path)
    for word in words:
        assert word in str(error.value)


def test_missing_keys_are_named(tmp_path):
    with pytest.raises(GenreflowError, match="missing 'dataset' and 'runs' and 'splits'"):
        read({"study": "mine"}, tmp_path)


def test_all_mistakes_are_told_at_once(tmp_path):
    with pytest.raises(GenreflowError) as error:
        read(changed(seed="x", batch_size=0), tmp_path)
    assert "seed" in str(error.value) and "batch_size" in str(error.value)


def test_a_config_that_is_no_mapping_is_refused(tmp_path):
    with pytest.raises(GenreflowError, match="expected keys and values, found a list"):
        read(["a"], tmp_path)


def test_limits_cap_folds_repeats_and_resamples(tmp_path):
    study = changed(
        splits__folded={"method": "stratified_kfold", "folds": 10, "repeats": 5},
        limits={"folds": 2, "repeats": 1, "resamples": 100},
    )
    settings = read(study, tmp_path).settings
    assert settings["splits"]["folded"]["folds"] == 2
    assert settings["splits"]["folded"]["repeats"] == 1
    assert settings["statistics"]["resamples"] == 100
    assert "folds" not in settings["splits"]["random"]


def test_files_of_the_working_directory_go_before_the_shipped_ones(tmp_path, monkeypatch):
    (tmp_path / "config/models").mkdir(parents=True)
    (tmp_path / "config/models/random_forest.yaml").write_text("estimator: mine.Forest\n")
    (tmp_path / "config/features.yaml").write_text("loudness: {function: mine.loudness}\n")
    (tmp_path / "mine.py").write_text("def loudness(y, *, sr): ...\nclass Forest: ...\n")
    monkeypatch.chdir(tmp_path)
    study = changed(runs__loud={"model": "random_forest", "features": "loudness"})
    read_back = read(study, tmp_path)
    assert read_back.models["forest"]["estimator"] == "mine.Forest"
    assert set(read_back.features) == {"summary", "loudness"}


def test_a_mistake_in_a_part_names_its_file(tmp_path):
    (tmp_path / "config/models").mkdir(parents=True)
    (tmp_path / "config/models/mine.yaml").write_text("estimater: my.Forest\n")
    with pytest.raises(
        GenreflowError, match=r"config/models/mine.yaml: .*'estimater'.*'estimator'"
    ):
        read(changed(runs__mine={"model": "mine", "features": "summary"}), tmp_path)


def test_what_is_not_yaml_is_refused_with_its_line(tmp_path):
    (tmp_path / "config/models").mkdir(parents=True)
    (tmp_path / "config/models/mine.yaml").write_text("estimator: [\n")
    with pytest.raises(GenreflowError, match=r"mine.yaml: not YAML"):
        read(changed(runs__mine={"model": "mine", "features": "summary"}), tmp_path)


def test_a_run_replaces_hyper_parameters_of_its_model(tmp_path):
    study = changed(runs__forest__parameters={"n_estimators": 7})
    assert read(study, tmp_path).models["forest"]["parameters"]["n_estimators"] == 7


@pytest.mark.parametrize(
    "file", sorted((SHIPPED / "config/studies").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_shipped_study_is_valid(file, tmp_path):
    study = yaml.safe_load(file.read_text())
    assert read(study, tmp_path).name == file.stem


def test_quick_shortens_any_study(tmp_path):
    quick = yaml.safe_load((SHIPPED / "config/quick.yaml").read_text())
    study = yaml.safe_load((SHIPPED / "config/config.yaml").read_text())
    settings = read(study | quick, tmp_path).settings
    assert settings["splits"]["artist"]["folds"] == 2


def test_the_audio_settings_of_the_schema_are_those_of_the_program(tmp_path):
    schema = read_yaml(SHIPPED / "workflow/schemas/dataset.schema.yaml")
    keys = schema["properties"]["audio"]["properties"]
    assert {key: part["default"] for key, part in keys.items()} == asdict(DecodeSettings())


def test_audio_settings_that_refuse_every_file_are_refused(tmp_path):
    (tmp_path / "config/datasets").mkdir(parents=True)
    (tmp_path / "config/datasets/gtzan.yaml").write_text("root: x\naudio: {seconds: 0.5}\n")
    with pytest.raises(GenreflowError, match=r"config/datasets/gtzan.yaml: .*min_seconds"):
        read(STUDY, tmp_path)


@pytest.mark.parametrize(
    ("labels", "fine"),
    [
        ("tags", True),
        (["tags", "table"], True),
        (["folder", "table", "tags"], True),
        ("tag", False),
        (["tags", "tags"], False),
        ([], False),
    ],
)
def test_labels_come_from_any_sources_in_any_order(tmp_path, labels, fine):
    dataset = {"root": "x", "labels": labels, "table": "t.csv"}
    (tmp_path / "config/datasets").mkdir(parents=True)
    (tmp_path / "config/datasets/gtzan.yaml").write_text(yaml.safe_dump(dataset))
    if fine:
        assert read(STUDY, tmp_path).datasets["gtzan"]["labels"] == labels
    else:
        with pytest.raises(GenreflowError, match=r"config/datasets/gtzan.yaml: labels"):
            read(STUDY, tmp_path)


def test_whole_numbers_may_be_written_with_a_point(tmp_path):
    settings = read(changed(batch_size=4.0), tmp_path).settings
    assert repr(settings["batch_size"]) == "4"


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("runs:\n  a: {x: 1}\n  b: {x: 1}\n  a: {x: 2}\n")
    with pytest.raises(GenreflowError, match=r"twice.yaml, line 2 on: the key 'a' stands twice"):
        read_yaml(path)


def test_a_parameter_that_a_feature_function_does_not_take_is_refused(tmp_path, monkeypatch):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/features.yaml").write_text(
        "loud: {function: mine_loud.loud, parameters: {quantil: 0.5}}\n"
    )
    (tmp_path / "mine_loud.py").write_text("def loud(y, *, sr, quantile): ...\n")
    monkeypatch.chdir(tmp_path)
    study = changed(runs__loud={"model": "random_forest", "features": "loud"})
    with pytest.raises(GenreflowError, match=r"loud\.parameters: .*'quantil'.*'quantile'"):
        read(study, tmp_path)


def test_the_report_is_told_the_titles_of_models_and_datasets(tmp_path):
    described = read(STUDY, tmp_path).described()
    assert described["titles"] == {"forest": "Random forest"}
    assert described["datasets"]["gtzan"]["title"] == "GTZAN"


def test_a_score_that_is_not_known_is_refused(tmp_path):
    (tmp_path / "config/models").mkdir(parents=True)
    (tmp_path / "config/models/mine.yaml").write_text(
        "estimator: sklearn.svm.SVC\n"
        "search: {method: grid, space: {C: [1, 10]}, scoring: acuracy}\n"
    )
    with pytest.raises(GenreflowError, match=r"search.scoring: 'acuracy'.*'accuracy'"):
        read(changed(runs__mine={"model": "mine", "features": "summary"}), tmp_path)


def own_set(folder, monkeypatch, entry):
    """A study with a run on a set of the user's own."""
    (folder / "config").mkdir()
    (folder / "config/features.yaml").write_text(f"loud: {{function: mine_own.loud, {entry}}}\n")
    (folder / "mine_own.py").write_text("def loud(y, *, sr): ...\n")
    monkeypatch.chdir(folder)
    return changed(runs__loud={"model": "random_forest", "features": "loud"})


def test_parameters_that_a_feature_function_needs_are_missed(tmp_path, monkeypatch):
    study = own_set(tmp_path, monkeypatch, "weights: fcn_msd")
    with pytest.raises(GenreflowError, match=r"loud: mine_own\.loud takes no 'weights'"):
        read(study, tmp_path)
    (tmp_path / "config/features.yaml").write_text(
        "loud: {function: genreflow.features.tagger.tagger}\n"
        "mel: {function: genreflow.features.wavelet.wavelet, gives: array}\n"
    )
    with pytest.raises(GenreflowError, match=r"loud: tagger needs 'weights'.*weights: NAME"):
        read(study, tmp_path)
    (tmp_path / "config/features.yaml").write_text("loud: {function: my_needy.loud}\n")
    (tmp_path / "my_needy.py").write_text("def loud(y, sr, seed, *, quantile, top=1): ...\n")
    with pytest.raises(GenreflowError, match=r"loud: loud needs 'quantile'.*parameters"):
        read(study, tmp_path)


NUMBERS = {
    "task": "regression",
    "dataset": "demo",
    "splits": {"folds": {"method": "kfold"}},
    "runs": {"ridge": {"model": "ridge", "features": "summary"}},
}


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("estimator: sklearn.svm.SVC", ["tells labels", "'folds' is of numbers", "ridge"]),
        ("estimator: sklearn.svm.SVR\ncalibrate: true", ["calibrate", "probabilities"]),
        (
            "estimator: sklearn.svm.SVR\nsearch: {method: grid, space: {C: [1, 10]}}",
            ["search.scoring", "'accuracy'", "r2"],
        ),
    ],
)
def test_models_of_labels_are_refused_where_numbers_are_predicted(tmp_path, model, words):
    (tmp_path / "config/models").mkdir(parents=True)
    (tmp_path / "config/models/mine.yaml").write_text(model + "\n")
    study = changed(**copy.deepcopy(NUMBERS))
    assert read(study, tmp_path).pairs() == [("ridge", "folds")]
    study["runs"]["ridge"]["model"] = "mine"
    with pytest.raises(GenreflowError) as error:
        read(study, tmp_path)
    for word in ["mine.yaml: runs.ridge", *words]:
        assert word in str(error.value)


def test_a_score_of_numbers_is_refused_where_labels_are_predicted(tmp_path):
    (tmp_path / "config/models").mkdir(parents=True)
    (tmp_path / "config/models/mine.yaml").write_text(
        "estimator: sklearn.svm.SVC\nsearch: {method: grid, space: {C: [1, 10]}, scoring: r2}\n"
    )
    with pytest.raises(GenreflowError, match=r"runs\.mine: .*search\.scoring: 'r2'.*'random'"):
        read(changed(runs__mine={"model": "mine", "features": "summary"}), tmp_path)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("gives: arrays", ["loud.gives", "'arrays'", "'array'"]),
        ("gives: array, dtype: int8", ["loud.dtype", "'int8'"]),
        ("dtype: float16", ["loud.dtype", "only arrays"]),
        ("segment_seconds: 0", ["loud.segment_seconds"]),
        ("segment_seconds: 2, min_seconds: 3", ["loud.segment_seconds", "min_seconds is 3"]),
    ],
)
def test_a_feature_set_that_contradicts_itself_is_refused(tmp_path, monkeypatch, entry, words):
    study = own_set(tmp_path, monkeypatch, entry)
    with pytest.raises(GenreflowError) as error:
        read(study, tmp_path)
    for word in ["config/features.yaml", *words]:
        assert word in str(error.value)


def test_sets_of_vectors_of_ones_own_are_among_those_that_fit(tmp_path, monkeypatch):
    study = own_set(tmp_path, monkeypatch, "segment_seconds: 3, min_seconds: 3")
    assert read(study, tmp_path).features["loud"]["segment_seconds"] == 3
    study["runs"]["loud"]["features"] = "mel"
    with pytest.raises(GenreflowError, match=r"sets of vectors are summary, .*, loud"):
        read(study, tmp_path)


def test_what_is_described_are_the_variants_of_the_runs_and_the_sets_that_are_listed(tmp_path):
    study = changed(
        features=["mel", "summary"],
        runs__robust={
            "model": "svm",
            "features": "summary_3s",
            "splits": ["random"],
            "variants": ["stretch0.81", "noise20"],
            "test_variant": "pitch+2",
        },
        runs__plain={"model": "svm", "features": "summary_3s"},
        splits__elsewhere={"method": "stratified", "dataset": "demo"},
    )
    study = read(study, tmp_path)
    listed = [("mel", "original"), ("summary", "original"), ("summary_3s", "original")]
    variants = [("summary_3s", name) for name in ("stretch0.81", "noise20", "pitch+2")]
    assert sorted(study.described_as("gtzan")) == sorted(listed + variants)
    assert sorted(study.described_as("demo")) == listed
    assert set(study.features) == {"mel", "summary", "summary_3s"}


def test_every_feature_set_that_is_shipped_is_valid(tmp_path):
    sets = read_yaml(SHIPPED / "config/features.yaml")
    assert set(read(changed(features=list(sets)), tmp_path).features) == set(sets)


ARRAYS = """
estimator: genreflow.models.network.Network
takes: arrays
scaler: null
weights: net
"""
WEIGHTS = "net: {path: net-1234.pth, sha256: 0123abcd, source: 'https://example.org/net'}\n"


@pytest.fixture
def pretrained(tmp_path):
    """A folder with a model of arrays and a feature set, which both have weights."""
    (tmp_path / "config/models").mkdir(parents=True)
    (tmp_path / "config/models/net.yaml").write_text(ARRAYS)
    (tmp_path / "config/weights.yaml").write_text(WEIGHTS)
    function = "function: genreflow.features.tagger.tagger"
    (tmp_path / "config/features.yaml").write_text(f"heard: {{{function}, weights: net}}\n")
    return tmp_path


def test_several_feature_sets_go_into_one_run(pretrained):
    run = {"model": "net", "features": ["mel", "summary"], "variants": ["noise20"]}
    study = read(changed(runs__net=run), pretrained)
    assert study.settings["runs"]["net"]["features"] == ["mel", "summary"]
    assert study.settings["runs"]["forest"]["features"] == ["summary"]
    needed = {("mel", "original"), ("mel", "noise20"), ("summary", "noise20")}
    assert needed < set(study.described_as("gtzan"))


def test_the_path_of_the_weights_becomes_a_parameter_and_none_trains_from_scratch(pretrained):
    runs = {"net": {"model": "net", "features": "mel"}}
    runs["scratch"] = runs["net"] | {"weights": "none"}
    runs["heard"] = {"model": "random_forest", "features": ["heard", "summary"]}
    study = read(changed(runs=runs), pretrained)
    path = "data/weights/net-1234.pth"
    located = {"name": "net", "path": path, "sha256": "0123abcd"}
    assert study.models["net"]["weights"] == located
    assert study.models["net"]["parameters"]["weights"] == path
    assert "weights" not in study.models["scratch"] | study.models["scratch"]["parameters"]
    assert study.features["heard"]["weights"] == located
    needed = {run: [weights.name for weights in study.weights_of(run)] for run in runs}
    assert needed == {"net": ["net"], "scratch": [], "heard": ["net"]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"runs__net__weights": "nett"}, ["runs.net", "'net'"]),
        ({"runs__net__features": ["mel", "chrome"]}, ["runs.net.features", "'chroma'"]),
        ({"runs__net__features": []}, ["runs.net.features"]),
        (
            {"runs__forest__features": ["summary", "mel"]},
            ["runs.forest", "'mel' gives arrays", "'random_forest' takes vectors"],
        ),
        (
            {"runs__forest__features": ["summary", "summary_3s"]},
            ["runs.forest.features", "segments of different lengths"],
        ),
        (
            {"explain": [{"run": "net", "split": "random"}]},
            ["explain.0.run", "'net' learns from arrays"],
        ),
        ({"runs__forest__weights": "net"}, ["random_forest.yaml: parameters", "'weights'"]),
    ],
    ids=str,
)
def test_mistakes_in_runs_on_arrays_and_weights_are_named(pretrained, change, words):
    study = changed(runs__net={"model": "net", "features": "mel"}, **change)
    with pytest.raises(GenreflowError) as error:
        read(study, pretrained)
    for word in words:
        assert word in str(error.value)
