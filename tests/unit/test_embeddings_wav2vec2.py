"""Frozen wav2vec 2.0 against transformers, on small models with weights drawn by chance."""

import numpy as np
import polars as pl
import pytest
import torch
import transformers
from extract_fixtures import decoded

from genreflow.errors import SetupError
from genreflow.features.extract import extract_batch
from genreflow.features.sets import FeatureSet
from genreflow.features.wav2vec2 import LENGTH, wav2vec2
from genreflow.schema import SHIPPED, read_yaml

SR = 16000
SMALL = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "num_codevectors_per_group": 4,
    "codevector_dim": 8,
    "proj_codevector_dim": 8,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model as `save_pretrained` writes it: with what its pretraining needed, too."""
    torch.manual_seed(0)
    model = transformers.Wav2Vec2ForPreTraining(transformers.Wav2Vec2Config(**SMALL))
    path = tmp_path_factory.mktemp("pretraining")
    model.save_pretrained(path)
    return path


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Neither of mean 0 nor of variance 1."""
    y = np.random.default_rng(seed).normal(0.05, 0.1, round(seconds * SR))
    return y.astype(np.float32)


def by_transformers(windows: list[np.ndarray], folder) -> np.ndarray:
    """The mean over all frames of the last layer."""
    model = transformers.Wav2Vec2Model.from_pretrained(folder).eval()
    prepare = transformers.Wav2Vec2FeatureExtractor()
    inputs = prepare(windows, sampling_rate=SR, return_tensors="pt")
    with torch.no_grad():
        return model(**inputs).last_hidden_state.mean(dim=(0, 1)).numpy()


def embedding(y: np.ndarray, folder) -> np.ndarray:
    return np.array(list(wav2vec2(y, sr=SR, weights=str(folder)).values()))


def test_windows_are_heard_as_transformers_hears_them(folder):
    y = noise(12)
    windows = [y[:LENGTH], y[3 * SR + SR // 2 :][:LENGTH], y[-LENGTH:]]
    found = wav2vec2(y, sr=SR, weights=str(folder))
    assert list(found) == [f"wav2vec2_{i:03}" for i in range(24)]
    expected = by_transformers(windows, folder)
    np.testing.assert_allclose(list(found.values()), expected, rtol=0, atol=1e-5)


def test_a_folder_with_the_model_alone_is_the_same(folder, tmp_path):
    transformers.Wav2Vec2Model.from_pretrained(folder).save_pretrained(tmp_path)
    y = noise(5)
    np.testing.assert_array_equal(embedding(y, tmp_path), embedding(y, folder))


def test_short_tracks_are_repeated_and_loudness_does_not_matter(folder):
    y = noise(2)
    short = embedding(y, folder)
    np.testing.assert_array_equal(short, embedding(np.resize(y, LENGTH), folder))
    np.testing.assert_allclose(embedding(y / 4 + 0.1, folder), short, rtol=0, atol=1e-3)


def test_the_bits_are_those_of_the_track_alone(folder):
    y = noise(7)
    alone = embedding(y, folder)
    embedding(noise(11, seed=1), folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        np.testing.assert_array_equal(embedding(y, folder), alone)
    finally:
        torch.set_num_threads(threads)


def test_the_set_of_the_config(folder, tmp_path):
    settings = read_yaml(SHIPPED / "config" / "features.yaml")["wav2vec2"]
    weights = {"name": "wav2vec2_base", "path": str(folder), "sha256": None}
    extract_batch(
        [("a", noise(2))],
        decoded(a="ok"),
        FeatureSet("wav2vec2", **settings | {"weights": weights}),
        path_to_table=tmp_path / "a.parquet",
        path_to_arrays=tmp_path / "a.npy",
    )
    table = pl.read_parquet(tmp_path / "a.parquet")
    assert table["reason"].to_list() == [None]
    assert table.width == 4 + 24


def test_what_cannot_be_used(folder, tmp_path):
    with pytest.raises(SetupError, match="say `rate: 16000` in config"):
        wav2vec2(noise(2), sr=22050, weights=str(folder))
    with pytest.raises(SetupError, match=f"{tmp_path}.*no config.json"):
        wav2vec2(noise(2), sr=SR, weights=str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(SetupError, match="a model of type 'bert', not 'wav2vec2'"):
        wav2vec2(noise(2), sr=SR, weights=str(tmp_path))
    transformers.Wav2Vec2Config(**SMALL).save_pretrained(tmp_path)
    state = {"feature_projection.layer_norm.weight": torch.zeros(8)}
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(SetupError, match=r"pytorch_model\.bin .* it lacks: "):
        wav2vec2(noise(2), sr=SR, weights=str(tmp_path))
