"""Arrays, segments, and what is drawn by chance for a track."""

import numpy as np
import polars as pl
import pytest
from extract_fixtures import LOUDNESS, RATE, decoded, noise

from genreflow.errors import GenreflowError
from genreflow.features.extract import track_seed
from genreflow.features.table import Arrays, load_vectors

SPECTRUM = """
    import numpy as np

    def describe(y, *, sr, bins=4):
        return np.abs(np.fft.rfft(y))[: bins * (len(y) // sr)].reshape(bins, -1)
"""


def test_arrays_of_any_shape(extract, tmp_path):
    """They come back as the function gave them, in any order, from several batches."""
    pcm = {"a": noise(0), "b": noise(1, 3.0), "c": noise(2, 2.0)}
    first = list(pcm.items())[:2]
    settings = {"gives": "array"}
    table = extract(SPECTRUM, first, decoded(a="ok", b="ok", d="ok"), settings=settings)
    assert table.schema == pl.Schema(
        {
            "track_id": pl.String,
            "batch": pl.String,
            "segment": pl.Int32,
            "reason": pl.String,
            "start": pl.Int64,
            "shape": pl.List(pl.Int64),
        }
    )
    assert table["shape"].to_list() == [[4, 1], [4, 3], None]
    extract(SPECTRUM, [("c", pcm["c"])], decoded(c="ok"), settings=settings, to="b2")

    paths = [str(tmp_path / f"{name}.parquet") for name in ("b2", "b1")]
    wanted = pl.DataFrame({"track_id": ["d", "c", "b", "a"], "batch": "b1"})
    arrays = Arrays(paths, wanted)
    assert arrays.tracks["track_id"].to_list() == ["a", "b", "c"]
    assert arrays.reasons == {"d": "its audio could not be read again"}
    for track_id, array in zip(arrays.tracks["track_id"], arrays, strict=True):
        y = pcm[track_id]
        expected = np.abs(np.fft.rfft(y))[: 4 * (len(y) // RATE)].reshape(4, -1)
        np.testing.assert_array_equal(array, expected)
        assert not array.flags.writeable


@pytest.mark.parametrize("kept", [None, "float16"])
def test_arrays_are_kept_as_they_are_or_as_the_set_says(extract, tmp_path, kept):
    settings = {"gives": "array"} | ({"dtype": kept} if kept else {})
    source = "def describe(y, *, sr):\n    return y[::-1]"
    extract(source, [("a", noise(0))], decoded(a="ok"), settings=settings)
    stored = np.load(tmp_path / "b1.npy")
    assert stored.dtype == (kept or np.float32)
    np.testing.assert_array_equal(stored, noise(0)[::-1].astype(stored.dtype))


def test_arrays_that_are_not_finite_get_a_reason(extract, tmp_path):
    """As they are kept: float16 ends at 65504."""
    source = "def describe(y, *, sr):\n    return y * [1, 1e30]"
    pcm = [(name, np.full(2, x, np.float32)) for name, x in {"a": 1e-28, "b": 1.0}.items()]
    settings = {"gives": "array", "dtype": "float16"}
    table = extract(source, pcm, decoded(a="ok", b="ok"), settings=settings)
    assert table["reason"].to_list() == [None, "not finite as float16"]
    assert table["start"].to_list() == [0, None]
    assert len(np.load(tmp_path / "b1.npy")) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return {'x': 1.0}", "expected an array, got a dictionary; say `gives: vector` in config"),
        ("return [1.0]", "'mine' .*, track 'a': expected an array, got list"),
        ("return 1.0", "expected an array, got float"),
        ("return y[:0]", "expected an array, got an empty ndarray"),
        ("return y.astype(str)", "expected an array of numbers, got one of <U"),
        ("return y.astype(int if y[0] == 1 else float)", "track 'b': .* float64, .* have int64"),
    ],
)
def test_functions_that_do_not_give_arrays(extract, body, message):
    pcm = [("a", np.full(RATE, 1, np.float32)), ("b", np.full(RATE, 2, np.float32))]
    source = f"def describe(y, *, sr):\n    {body}\n"
    with pytest.raises(GenreflowError, match=message):
        extract(source, pcm, decoded(a="ok", b="ok"), settings={"gives": "array"})


def test_arrays_are_written_as_they_come(extract, tmp_path):
    """A batch never has to fit into memory: a track is in the file when the next one is read."""
    import tracemalloc

    y = noise(0, 30.0)
    pcm = ((f"t{i:02d}", y) for i in range(40))
    statuses = decoded(**{f"t{i:02d}": "ok" for i in range(40)})
    tracemalloc.start()
    extract("def describe(y, *, sr):\n    return y * 2", pcm, statuses, settings={"gives": "array"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "b1.npy").stat().st_size > 40 * y.nbytes
    assert peak < 8 * y.nbytes


@pytest.mark.parametrize("gives", ["vector", "array"])
def test_segments(extract, tmp_path, gives):
    """Whole ones, one after the other; what remains is left out, and so is what is too short."""
    source = f"""
        import numpy as np
        def describe(y, *, sr):
            first = np.array([y[0], len(y)])
            return first if {gives == "array"} else dict(first=first[0], length=first[1])
    """
    ramp = np.arange(3 * RATE + 7, dtype=np.float32)
    pcm = [("a", ramp), ("b", ramp[: RATE - 1]), ("c", ramp[:RATE])]
    settings = {"gives": gives, "segment_seconds": 1}
    table = extract(source, pcm, decoded(a="ok", b="ok", c="ok", d="ok"), settings=settings)
    assert table.select("track_id", "segment").rows() == [
        *[("a", 0), ("a", 1), ("a", 2), ("b", 0), ("c", 0), ("d", 0)]
    ]
    assert table["reason"].to_list() == [
        *[None] * 3,
        "0.99 s long; mine needs 1 s",
        None,
        "its audio could not be read again",
    ]
    expected = [(0, RATE), (RATE, RATE), (2 * RATE, RATE), (0, RATE)]
    if gives == "array":
        arrays = Arrays([str(tmp_path / "b1.parquet")], table.unique("track_id"))
        assert [tuple(array) for array in arrays] == expected
        assert arrays.tracks["segment"].to_list() == [0, 1, 2, 0]
    else:
        described = table.filter(pl.col("reason").is_null())
        assert described.select("first", "length").rows() == expected


def test_a_track_counts_as_described_when_any_segment_is(extract, tmp_path):
    """Readers are given its other segments; or one row with the reason, where there is none."""
    source = """
        def describe(y, *, sr):
            if y[0] < 0:
                raise ValueError("silence")
            return {"first": y[0]}
    """
    good, bad = np.ones(RATE, np.float32), -np.ones(RATE, np.float32)
    pcm = [("a", np.concatenate([bad, good, bad])), ("b", np.concatenate([bad, bad]))]
    table = extract(source, pcm, decoded(a="ok", b="ok"), settings={"segment_seconds": 1.0})
    silence = "ValueError: silence"
    assert table["reason"].to_list() == [silence, None, silence, silence, silence]
    vectors = load_vectors([str(tmp_path / "b1.parquet")], table.unique("track_id"))
    assert vectors.rows() == [("a", "b1", 1, None, 1.0), ("b", "b1", 0, silence, None)]


SEEDED = """
    def describe(y, *, sr, seed):
        return {"seed": seed}
"""


def test_every_track_and_segment_has_a_seed_of_its_own(extract):
    """It depends on the samples alone, not on name, batch or order."""
    tracks = decoded(a="ok", b="ok").with_columns(digest=pl.Series(["1", "2"]))
    pcm = [("a", noise(0, 2.0)), ("b", noise(0, 2.0))]
    settings = {"segment_seconds": 1}
    seeds = extract(SEEDED, pcm, tracks, settings=settings)["seed"]
    assert seeds.n_unique() == 4
    assert all(0 <= seed < 2**32 and seed % 1 == 0 for seed in seeds)
    renamed = decoded(x="ok").with_columns(digest=pl.lit("2"))
    again = extract(SEEDED, [("x", noise(0, 2.0))], renamed, settings=settings)["seed"]
    assert again.to_list() == seeds[2:].to_list()
    fixed = extract(SEEDED, pcm, tracks, settings=settings, seed=3)["seed"]
    assert fixed.to_list() == [3.0] * 4


def test_a_variant_is_described_in_the_place_of_the_track(extract):
    """What is made of a track may be too short, or fail: that is a reason as any other."""

    def vary(y, seed):
        if len(y) == RATE:
            raise ValueError("no beat")
        assert seed == track_seed("digest of " + {3: "b", 2: "c"}[len(y) // RATE])
        return y[: len(y) // 2]

    pcm = [("a", noise(0)), ("b", noise(0, 3.0)), ("c", noise(0, 2.0))]
    statuses = decoded(a="ok", b="ok", c="ok")
    table = extract(LOUDNESS, pcm, statuses, settings={"min_seconds": 1.2}, vary=vary)
    assert table["seconds"].to_list() == [None, 1.5, None]
    assert table["reason"].to_list() == [
        "ValueError: no beat",
        None,
        "1.00 s long; mine needs 1.2 s",
    ]
