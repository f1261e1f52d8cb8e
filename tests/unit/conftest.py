"""What several of the tests are given."""

import sys
import textwrap

import polars as pl
import pytest
from extract_fixtures import RATE

from genreflow.features.extract import extract_batch
from genreflow.features.sets import FeatureSet


@pytest.fixture
def extract(tmp_path, monkeypatch):
    """Run a function, given as the source of my_features.py, over tracks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_features", raising=False)

    def run(source, pcm, table, *, settings=None, to="b1", vary=None, **parameters):
        (tmp_path / "my_features.py").write_text(textwrap.dedent(source))
        sys.modules.pop("my_features", None)
        found = {"function": "my_features.describe", "rate": RATE, "parameters": parameters}
        extract_batch(
            pcm,
            table,
            FeatureSet("mine", **found, **(settings or {})),
            path_to_table=tmp_path / f"{to}.parquet",
            path_to_arrays=tmp_path / f"{to}.npy",
            vary=vary,
        )
        return pl.read_parquet(tmp_path / f"{to}.parquet")

    yield run
    sys.modules.pop("my_features", None)
