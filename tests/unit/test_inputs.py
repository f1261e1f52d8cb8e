"""Rows of arrays, which are chosen as those of a matrix are."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs


class Unreadable:
    """Arrays of which the shapes are known, as those in files."""

    def __init__(self, shapes):
        self.shapes = shapes

    def __len__(self):
        return len(self.shapes)

    def __getitem__(self, number):
        raise AssertionError("an array was read")

    def shape_of(self, number):
        return self.shapes[number]


def made(n=6, **changed):
    """Mel spectrograms of different lengths, and vectors; both tell their row."""
    sets = {
        "mel": [np.full((2, 3 + i % 3), i, dtype=np.float16) for i in range(n)],
        "summary": np.arange(3 * n, dtype=np.float32).reshape(n, 3),
    }
    return Inputs(sets | changed)


def numbers(x):
    return [int(x.row(i)[0][0, 0]) for i in range(len(x))]


@pytest.mark.parametrize(
    "chosen",
    [
        np.array([4, 0, 0]),
        [1, 5],
        np.array([True, False, True, False, False, True]),
        slice(1, 5, 2),
        np.array([], dtype=int),
        (np.array([2, 1]), Ellipsis),
    ],
)
def test_rows_are_chosen_as_those_of_a_matrix(chosen):
    x, matrix = made(), np.arange(6)[:, np.newaxis]
    some = x[chosen]
    assert numbers(some) == matrix[chosen][:, 0].tolist()
    assert some.shape == (len(some), 2) and some.names == ("mel", "summary")
    assert numbers(some[::-1]) == matrix[chosen][::-1, 0].tolist()
    assert numbers(x) == [*range(6)]  # choosing changes nothing


def test_a_row_is_an_array_of_each_set():
    mel, vector = made().row(4)
    assert mel.shape == (2, 4) and mel.dtype == np.float16 and (mel == 4).all()
    assert vector.tolist() == [12, 13, 14]


def test_choosing_concatenating_and_shapes_read_nothing():
    x = Inputs({"mel": Unreadable([(2, 5), (2, 7), (2, 9)])})
    both = Inputs.concatenate([x[[2, 0]], x[1:]])
    assert x.shapes() == [((2, 5), (2, 7), (2, 9))]
    assert both[np.arange(4) != 1].shapes() == [((2, 9), (2, 7), (2, 9))]
    with pytest.raises(AssertionError):
        both.row(0)


def test_concatenated_rows_stand_one_behind_the_other():
    x = made()
    both = Inputs.concatenate([x[[5, 1]], x[:0], x[2:4]])
    assert numbers(both) == [5, 1, 2, 3]
    assert [vector.tolist() for _, vector in map(both.row, range(4))][1] == [3, 4, 5]
    assert both.digest() == x[[5, 1, 2, 3]].digest()
    with pytest.raises(ValueError, match="different feature sets"):
        Inputs.concatenate([x, Inputs({"mel": [np.zeros(2)]})])


def test_sets_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"different numbers of rows: \[5, 6\]"):
        made(summary=np.zeros((5, 3)))


def test_the_digest_tells_values_shapes_types_names_and_order_apart():
    x = made()
    mel = [x.row(i)[0] for i in range(6)]
    others = [
        made(mel=[*mel[:5], mel[5] + 1]),
        made(mel=[array.astype(np.float32) for array in mel]),
        made(mel=[array.T for array in mel]),
        Inputs({"chroma": mel, "summary": np.arange(18, dtype=np.float32).reshape(6, 3)}),
        x[::-1],
        x[:5],
    ]
    assert len({other.digest() for other in [x, *others]}) == len(others) + 1
    assert made().digest() == x.digest() == x[::-1][::-1].digest()


class Mean(ClassifierMixin, BaseEstimator):
    """A logistic regression on the mean of each array."""

    def __init__(self, c=1.0):
        self.c = c

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        self.inner_ = LogisticRegression(C=self.c).fit(means(x), y)
        return self

    def predict(self, x):
        return self.inner_.predict(means(x))


def means(x):
    return np.array([[array.mean() for array in x.row(i)] for i in range(len(x))])


def test_searches_of_scikit_learn_divide_them():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = Inputs({"mel": [rng.normal(label, 2, size=(2, 5 + i)) for i, label in enumerate(y)]})
    space = {"c": [1e-4, 1.0]}
    search = GridSearchCV(Mean(), space, cv=3).fit(x, y)
    expected = [
        cross_val_score(LogisticRegression(C=c), means(x), y, cv=3).mean() for c in space["c"]
    ]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected)
    assert search.predict(x[:7]).shape == (7,)


def test_what_takes_a_matrix_is_told_what_to_do():
    with pytest.raises(GenreflowError, match=r"arrays of mel, summary are no matrix.*FlatScaler"):
        LogisticRegression().fit(made(), np.arange(6) % 2)
