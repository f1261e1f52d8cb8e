"""What networks do not take, and what is said of it."""

import numpy as np
import pytest
from network_fixtures import MEL, WAVES, X, Y, network, one_by_one, several
from training_fixtures import points

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs
from genreflow.models.network import Network


@pytest.mark.parametrize(
    ("rows", "given", "message"),
    [
        (
            one_by_one([*MEL[:-1], MEL[0][:5]]),
            {},
            r"mel: an array has shape \(5, 20\), .* \(6, 20\)",
        ),
        (one_by_one([*MEL[:-1], MEL[0][0]]), {}, r"mel: an array has shape \(20,\)"),
        (one_by_one([np.float64(3)] * 30), {}, "mel: a network takes arrays"),
        (one_by_one([*MEL[:-1], np.full((6, 9), np.nan)]), {}, "mel: .* not finite"),
        (X, {"window": 5}, "mel: a window is read from arrays of one axis"),
        (X[:0], {}, "no rows"),
        (X[:7], {}, "inconsistent numbers of samples"),
    ],
)
def test_arrays_that_cannot_be_used(rows, given, message):
    with pytest.raises(ValueError, match=message):
        network(**given).fit(rows, Y)


def test_rows_that_are_not_like_those_of_the_training():
    on_arrays, on_vectors = network().fit(X, Y), network("columns").fit(np.ones((30, 4)), Y)
    with pytest.raises(ValueError, match=r"an array has shape \(5, 20\)"):
        on_arrays.predict(one_by_one([MEL[0][:5]]))
    with pytest.raises(ValueError, match=r"fitted on the feature sets mel, .* here are chroma"):
        on_arrays.predict(Inputs({"chroma": MEL}))
    with pytest.raises(ValueError, match="fitted on arrays; here are vectors"):
        on_arrays.predict(np.ones((30, 4)))
    with pytest.raises(ValueError, match="fitted on vectors; here are arrays"):
        on_vectors.predict(X)
    with pytest.raises(ValueError, match="fitted on arrays; here are vectors"):
        network().fit(X, Y, validation=(np.ones((30, 4)), Y))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"length": 0}, "length: 0 is less than 1"),
        ({"length": 2.5}, "length: 2.5 is no whole number"),
        ({"length": {"at_least": 3}}, "length: {'at_least': 3} is no rule"),
        ({"length": {"percentile": 70, "atleast": 3}}, "length: .* is no rule"),
        ({"length": {"percentile": 101}}, "length: percentile: 101 is not from 0 to 100"),
        ({"length": 5, "window": 5}, "length: arrays that are read in windows are not cut"),
        ({"window": 0}, "window: 0 is less than 1; null is for none"),
        ({"standardize": None}, "standardize: None is neither true nor false"),
        ({"mixup": -1}, "mixup: -1 is less than 0"),
        ({"spec_augment": 0.3}, "spec_augment: 0.3 is no mapping"),
        ({"spec_augment": {"time": 0.3}}, "spec_augment: there is no 'time'"),
        ({"spec_augment": {"bands": 2}}, "spec_augment: bands: 2 is no share"),
        ({"class_weight": "balance"}, "class_weight: 'balance' is neither"),
        ({"weights": 3}, "weights: 3 is no text"),
        ({"fine_tune": "heads"}, "fine_tune: there is no 'heads'; did you mean 'head'?"),
        ({"fine_tune": "head", "frozen_epochs": 3}, "frozen_epochs: 3 with 'fine_tune: head'"),
        ({"fine_tune": "head_then_all"}, "frozen_epochs: 0 with .* needs at least 1"),
        ({"backbone_rate": 0}, "backbone_rate: 0 is not more than 0"),
        ({"precision": "float16"}, "precision: there is no 'float16'; did you mean"),
        ({"compile": 1}, "compile: 1 is neither true nor false"),
        ({"schedule": "platau"}, "schedule: there is no 'platau'; did you mean 'plateau'"),
        ({"schedule": "plateau"}, "plateau cannot be used with {}: .* 'factor'"),
        (
            {"schedule": "exponential", "schedule_parameters": {"gamma": -0.5}},
            "exponential cannot be used with {'gamma': -0.5}: .* less than 0",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_explained(given, message):
    with pytest.raises(GenreflowError, match=message):
        network(**given).fit(X, Y)


def test_masks_and_modules_that_do_not_fit_are_explained():
    with pytest.raises(GenreflowError, match="spec_augment: masks need arrays of two axes"):
        network(window=20, spec_augment={"frames": 0.1}).fit(WAVES, Y)
    with pytest.raises(GenreflowError, match=r"array of shape \(8, 144\), not \(8, 3\)"):
        network("wrong").fit(X, Y)
    with pytest.raises(GenreflowError, match=r"class_weight: .* their weights are 'balanced'"):
        network(class_weight={0: 2, 1: 1}).fit(X, several(Y))


@pytest.mark.parametrize(
    ("module", "given", "message"),
    [
        ("cnn.cnn", {"channels": 32}, r"{'channels': 32}: TypeError: .*int"),
        ("cnn.cnn", {"channels": []}, r"{'channels': \[\]}: IndexError"),
        ("cnn.crnn", {"kernel": "3"}, "{'kernel': '3'}: "),
        ("cnn.cnn", {"n_outputs": 3}, "TypeError: .* multiple values for argument 'n_outputs'"),
        ("recurrent.bidirectional_lstm", {"units": -1}, "{'units': -1}: "),
    ],
)
def test_parameters_that_make_no_module_are_explained(module, given, message):
    path = f"genreflow.models.{module}"
    with pytest.raises(GenreflowError, match=f"^module_parameters: {path} .* {message}"):
        Network(path, given, device="cpu").fit(X, Y)


def test_layers_that_are_no_list_are_explained():
    x, y, _ = points(n=30)
    with pytest.raises(GenreflowError, match=r"^module_parameters: .*{'layers': 32}: TypeError"):
        Network(module_parameters={"layers": 32}, device="cpu").fit(x, y)
