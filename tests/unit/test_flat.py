"""Arrays as rows of a matrix, against scikit-learn on arrays laid out by hand."""

import tracemalloc

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from training_fixtures import LOGISTIC, model

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs
from genreflow.models.build import build_estimator
from genreflow.models.files import load_model, save_model
from genreflow.models.flat import FlatScaler

FLAT = "genreflow.models.flat.FlatScaler"


def made(n=40, seed=0) -> Inputs:
    """Three sets whose arrays differ in length, type and scale."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, 15, size=n)
    return Inputs(
        {
            "mel": [rng.normal(-40, 20, (4, k)).astype(np.float16) for k in lengths],
            "waveform": [rng.normal(0, 0.1, 3 * k).astype(np.float32) for k in lengths],
            "image": [rng.integers(0, 256, (3, 2, 2), dtype=np.uint8) for _ in lengths],
        }
    )


def by_hand(x: Inputs, lengths: list[int]) -> np.ndarray:
    """Each row's arrays in C order, cut or padded with zeros."""
    rows = []
    for i in range(len(x)):
        blocks = [array.astype(np.float64).ravel() for array in x.row(i)]
        cut = [np.pad(b, (0, max(0, k - len(b))))[:k] for b, k in zip(blocks, lengths, strict=True)]
        rows.append(np.concatenate(cut))
    return np.array(rows)


@pytest.mark.parametrize(("percentile", "at_least"), [(70, 0), (100, 0), (0, 10), (70, 60)])
def test_columns_are_those_of_scikit_learn(percentile, at_least):
    x, other = made(), made(seed=1)
    scaler = FlatScaler(percentile=percentile, at_least=at_least)
    found, told = scaler.fit_transform(x), scaler.transform(other)
    sizes = [[np.prod(shape) for shape in shapes] for shapes in x.shapes()]
    lengths = [max(round(np.percentile(own, percentile)), at_least) for own in sizes]
    assert scaler.lengths_ == lengths and found.dtype == told.dtype == np.float32
    expected = StandardScaler().fit(by_hand(x, lengths))
    varying = expected.var_ > 0
    assert varying.sum() > 40
    for matrix, inputs in ((found, x), (told, other)):
        right = expected.transform(by_hand(inputs, lengths))[:, varying]
        np.testing.assert_allclose(matrix[:, varying], right, rtol=1e-5, atol=1e-6)
    # A column of a single value in training tells nothing, whatever others have there.
    assert (found[:, ~varying] == 0).all() and (told[:, ~varying] == 0).all()


def test_the_rule_of_the_published_study_is_the_default():
    sizes = [*range(10000, 30000, 2000)]
    x = Inputs({"mel": [np.zeros(k) for k in sizes], "short": [np.zeros(9) for _ in sizes]})
    scaler = FlatScaler().fit(x)
    assert scaler.lengths_ == [round(np.percentile(sizes, 70)), 15000]


def test_fitting_and_transforming_are_the_same_at_once():
    x = made()
    one, two = FlatScaler(at_least=20), FlatScaler(at_least=20)
    assert np.array_equal(one.fit_transform(x), two.fit(x).transform(x))
    assert np.array_equal(one.mean_, two.mean_) and np.array_equal(one.scale_, two.scale_)


@pytest.mark.parametrize("value", [0.1, 1e6 + 0.3, -7])
def test_constant_columns_are_zero(value):
    x = Inputs({"mel": [np.array([value, i], dtype=np.float32) for i in range(7)]})
    found = FlatScaler(at_least=3).fit_transform(x)
    assert (found[:, [0, 2]] == 0).all()
    np.testing.assert_allclose(found[:, 1], (np.arange(7) - 3) / 2, rtol=1e-6)


def test_little_more_than_the_matrix_is_held():
    rows = [np.full((10, 5000), i, dtype=np.float16) for i in range(200)]
    x = Inputs({"mel": rows})
    tracemalloc.start()
    try:
        found = FlatScaler().fit_transform(x)
        assert tracemalloc.get_traced_memory()[1] < 1.15 * found.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "estimator",
    [
        {"estimator": LOGISTIC},
        {"estimator": "sklearn.linear_model.SGDClassifier", "parameters": {"loss": "log_loss"}},
        {
            "estimator": "sklearn.ensemble.RandomForestClassifier",
            "parameters": {"n_estimators": 9},
        },
    ],
)
def test_a_model_that_was_saved_predicts_the_same(tmp_path, estimator):
    x, y = made(), np.arange(40) % 2
    spec = model(**estimator, scaler=FLAT, takes="arrays")
    pipeline = build_estimator(spec, seed=0).fit(x, y)
    save_model(pipeline, ["a", "b"], tmp_path)
    loaded, _ = load_model(tmp_path)
    other = made(seed=1)
    assert np.array_equal(loaded.predict_proba(other), pipeline.predict_proba(other))


def test_what_does_not_go_together_is_explained():
    x = made()
    with pytest.raises(GenreflowError, match=r"makes vectors of arrays.*'takes: arrays'"):
        FlatScaler().fit(np.zeros((3, 2)))
    scaler = FlatScaler().fit(x)
    mel, waveform, image = x.row(0)
    others = ({"mel": [mel]}, {"waveform": [waveform], "mel": [mel], "image": [image]})
    for sets in others:
        told = f"has learned from mel, waveform, image, in this order, and gets {', '.join(sets)}$"
        with pytest.raises(GenreflowError, match=told):
            scaler.transform(Inputs(sets))
    with pytest.raises(GenreflowError, match=r"StandardScaler takes vectors.*'scaler: null', or"):
        build_estimator(model(estimator=LOGISTIC, takes="arrays"), seed=0)
    spec = model(estimator=LOGISTIC, takes="arrays", scaler=FLAT)
    for preparation, named in (
        ({"missing": "median", "min_max": []}, "'missing'"),
        ({"missing": None, "min_max": ["tempo"]}, "'min_max'"),
    ):
        with pytest.raises(GenreflowError, match=f"says {named}, which is done to vectors"):
            build_estimator(spec, seed=0, features=["tempo"], preparation=preparation)
    unprepared = {"missing": "exclude", "min_max": []}
    steps = build_estimator(spec, seed=0, preparation=unprepared).named_steps
    assert list(steps) == ["scaler", "estimator"]
