"""The tracks table. The tests of the splits make their tables with `table_of` too."""

import hashlib
from itertools import permutations, product

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tracks as script
from genreflow.datasets import Dataset
from genreflow.datasets.labels import label_tracks, read_sheet
from genreflow.errors import GenreflowError
from genreflow.measured import MEASURED, TAGS
from genreflow.tracks import build_tracks

_DECODED = {"track_id": pl.String, "batch": pl.String, **MEASURED, **TAGS}
_LISTED = {
    "track_id": pl.String,
    "size": pl.Int64,
    "mtime_ns": pl.Int64,
    "batch": pl.String,
    "labels": pl.List(pl.String),
    "labels_from": pl.String,
    "artist": pl.String,
    "title": pl.String,
}


def snapshot_of(rows: list[dict]) -> pl.DataFrame:
    kinds = {"given": pl.String, "target": pl.Float64}
    keys = [key for row in rows for key in row]
    more = {key: kinds[start] for key in keys if (start := key.split("_")[0]) in kinds}
    rows = [{"batch": "b1", "size": 1, "mtime_ns": 1, **row} for row in rows]
    schema = _LISTED | more
    return pl.DataFrame([{k: row.get(k) for k in schema} for row in rows], schema=schema)


def decoded_of(rows: list[dict]) -> pl.DataFrame:
    """Usable recordings of 30 s, each one its own, where a row does not say otherwise."""
    measured = {"status": "ok", "seconds": 30.0, "rate": 22050, "channels": 1, "peak": 0.9}
    rows = [
        {"batch": "b1", "digest": row["track_id"], **measured, **row}
        for row in rows
        if row.get("batch", "b1") is not None
    ]
    return pl.DataFrame([{k: row.get(k) for k in _DECODED} for row in rows], schema=_DECODED)


def table_of(rows: list[dict], sources=("table",)) -> pl.DataFrame:
    return build_tracks(snapshot_of(rows), decoded_of(rows), sources=sources)


def by_id(table: pl.DataFrame, column: str) -> dict:
    return dict(table.select("track_id", column).iter_rows())


def test_the_row_of_the_files_own_batch_counts():
    snapshot = snapshot_of([{"track_id": "a.wav", "batch": "new"}])
    decoded = decoded_of(
        [
            {"track_id": "a.wav", "batch": "old", "digest": "before"},
            {"track_id": "a.wav", "batch": "new", "digest": "after"},
            {"track_id": "removed.wav", "batch": "old"},
        ]
    )
    table = build_tracks(snapshot, decoded, sources=["folder"])
    assert table["digest"].to_list() == ["after"]


def test_a_row_without_file_is_quarantined():
    table = table_of(
        [{"track_id": "gone.wav", "batch": None, "labels": ["rock"]}, {"track_id": "a"}]
    )
    row = table.row(by_predicate=pl.col("track_id") == "gone.wav", named=True)
    assert row["status"] == "quarantined"
    assert row["reason"] == "named in the table, but not in the folder"
    assert row["labels"] == ["rock"]
    assert row["duplicate_of"] is None


def test_a_file_that_was_not_decoded_is_an_error():
    with pytest.raises(GenreflowError, match=r"1 files .* first is b\.wav"):
        build_tracks(
            snapshot_of([{"track_id": "a.wav"}, {"track_id": "b.wav"}]),
            decoded_of([{"track_id": "a.wav"}]),
            sources=["folder"],
        )


ORDERS = [order for n in (1, 2, 3) for order in permutations(["table", "folder", "tags"], n)]


@pytest.mark.parametrize("sources", ORDERS, ids="-".join)
def test_the_first_source_that_knows_the_track_counts(tmp_path, sources):
    """Also where two say the same."""
    cases = product([None, "jazz", "rock", "pop"], [None, "rock"], [None, [], ["pop"]])
    told = {
        f"{folder}/{i:02d}.mp3" if folder else f"{i:02d}.mp3": (in_table, folder, tagged)
        for i, (in_table, folder, tagged) in enumerate(cases)
    }
    lines = [f"{track},{in_table or ''}\n" for track, (in_table, _, _) in told.items()]
    (tmp_path / "t.csv").write_text("".join(["path,label\n", *lines]))
    config = {"root": str(tmp_path), "labels": list(sources), "table": "t.csv"}
    mine = Dataset.from_config("mine", config, lists_folder=None)
    columns = {"track_id": list(told)} | label_tracks(mine, read_sheet(mine), list(told))
    listed = pl.DataFrame(columns, schema_overrides={"labels": pl.List(pl.String)}).to_dicts()
    rows = [row | {"tag_labels": told[row["track_id"]][2]} for row in listed]
    expected = {}
    for track, (in_table, folder, tagged) in told.items():
        says = {"table": in_table, "folder": folder, "tags": tagged[0] if tagged else None}
        expected[track] = next(([says[name]] for name in sources if says[name]), None)
    assert by_id(table_of(rows, sources), "labels") == expected


def test_tags_tell_artist_and_title_where_the_table_does_not():
    rows = [
        {"track_id": "a", "artist": "Known", "tag_artist": "Tag", "tag_title": "Title"},
        {"track_id": "b", "tag_artist": "Tag"},
    ]
    table = table_of(rows, ["table", "tags"])
    assert table["artist"].to_list() == ["Known", "Tag"]
    assert table["title"].to_list() == ["Title", None]
    assert table_of(rows, ["table"])["artist"].to_list() == ["Known", None]


def test_the_smallest_usable_and_labelled_copy_represents_a_recording():
    table = table_of(
        [
            {"track_id": "a", "digest": "x", "status": "quarantined", "labels": ["rock"]},
            {"track_id": "b", "digest": "x"},
            {"track_id": "c", "digest": "x", "labels": ["rock"]},
            {"track_id": "d", "digest": "x", "labels": ["rock"]},
            {"track_id": "e", "digest": None, "status": "quarantined", "reason": "empty"},
            {"track_id": "f", "digest": None, "status": "quarantined", "reason": "empty"},
            {"track_id": "g", "labels": ["rock"]},
        ]
    )
    expected = {"b": "c", "d": "c"}
    assert by_id(table, "duplicate_of") == {k: expected.get(k) for k in "abcdefg"}
    assert table["conflict"].null_count() == 7


def test_a_recording_under_two_labels_is_a_conflict_of_all_its_copies():
    table = table_of(
        [
            {"track_id": "a", "digest": "x", "labels": ["rock"]},
            {"track_id": "b", "digest": "x", "labels": ["metal", "live"]},
            {"track_id": "c", "digest": "x", "labels": ["rock"]},
            {"track_id": "d", "digest": "x"},
            {"track_id": "e", "digest": "y", "labels": ["rock", "pop"]},
            {"track_id": "f", "digest": "y", "labels": ["pop", "rock"]},
        ]
    )
    rock, metal = "a, which is labelled rock", "b, which is labelled metal, live"
    assert by_id(table, "conflict") == {
        "a": f"same recording as {metal}",
        "b": f"same recording as {rock}",
        "c": f"same recording as {metal}",
        "d": f"same recording as {rock}",
        "e": None,
        "f": None,
    }


def test_all_labels_are_those_of_all_usable_copies():
    table = table_of(
        [
            {"track_id": "a", "digest": "x", "labels": ["rock"]},
            {"track_id": "b", "digest": "x", "labels": ["metal", "live", "metal"]},
            {"track_id": "c", "digest": "x"},
            {"track_id": "d", "digest": "x", "labels": ["jazz"], "status": "quarantined"},
            {"track_id": "e", "digest": "y"},
            {"track_id": "f", "digest": None, "labels": ["pop", "folk"]},
        ]
    )
    shared = ["live", "metal", "rock"]
    expected = [shared, shared, shared, ["jazz"], None, ["folk", "pop"]]
    assert table["all_labels"].to_list() == expected


def test_the_order_of_the_rows_does_not_matter():
    rows = [
        {"track_id": f"{i:02d}", "digest": f"{i % 7}", "labels": [["a", "b"][i % 3 > 1]]}
        for i in range(40)
    ]
    snapshot, decoded = snapshot_of(rows), decoded_of(rows)
    expected = build_tracks(snapshot, decoded, sources=["table"])
    assert expected["track_id"].is_sorted()
    for seed in range(5):
        shuffled = (t.sample(fraction=1, shuffle=True, seed=seed) for t in (snapshot, decoded))
        assert_frame_equal(build_tracks(*shuffled, sources=["table"]), expected)


def test_columns_and_types():
    table = table_of([{"track_id": "a", "given_b": "test", "given_a": "train"}])
    assert table.columns == [
        *("track_id", "batch", "labels", "all_labels", "artist", "title", "given_a", "given_b"),
        *("status", "reason", "digest", "seconds", "rate", "channels", "format"),
        *("peak", "rms", "mean_amplitude", "clipped", "silent", "duplicate_of", "conflict"),
    ]
    assert table.schema["labels"] == table.schema["all_labels"] == pl.List(pl.String)
    assert {table.schema[c] for c in ("duplicate_of", "conflict", "given_a")} == {pl.String}


def test_numbers_stand_after_the_given_lists_and_each_copy_keeps_its_own():
    numbers = {"target_tempo": None, "target_energy": 0.5}
    rows = [
        {"track_id": "a", "digest": "x", "given_mine": "test", **numbers, "target_tempo": 120.25},
        {"track_id": "b", "digest": "x", "given_mine": "test", **numbers},
    ]
    table = table_of(rows)
    start = table.columns.index("title")
    assert table.columns[start + 1 : start + 5] == [
        *("given_mine", "target_energy", "target_tempo", "status")
    ]
    assert table.schema["target_tempo"] == table.schema["target_energy"] == pl.Float64
    assert by_id(table, "target_tempo") == {"a": 120.25, "b": None}
    assert by_id(table, "duplicate_of") == {"a": None, "b": "a"}


def test_the_known_copies_in_gtzan(shared_data):
    """14 pairs of tracks are one recording; one pair stands under two labels."""
    features = pl.read_csv(shared_data / "tabular" / "features_30_sec.csv")
    digests = [
        hashlib.sha256(repr(values).encode()).hexdigest()
        for values in features.drop("filename", "label").iter_rows()
    ]
    rows = [
        {"track_id": name, "labels": [label], "digest": digest}
        for name, label, digest in zip(
            features["filename"], features["label"], digests, strict=True
        )
    ]
    table = table_of(rows)
    assert table["duplicate_of"].count() == 14
    assert table.filter(pl.col("conflict").is_not_null()).select("track_id", "conflict").rows() == [
        ("metal.00058.wav", "same recording as rock.00016.wav, which is labelled rock"),
        ("rock.00016.wav", "same recording as metal.00058.wav, which is labelled metal"),
    ]


def test_the_script_joins_batches(tmp_path):
    snapshot = [{"track_id": "a", "labels": ["x"]}, {"track_id": "b", "batch": "b2"}]
    snapshot_of(snapshot).write_parquet(tmp_path / "snapshot.parquet")
    paths = []
    for row in snapshot:
        paths.append(str(tmp_path / f"{row['track_id']}.parquet"))
        decoded_of([row]).write_parquet(paths[-1])
    script.tracks(
        str(tmp_path / "snapshot.parquet"), paths[::-1], ["table"], str(tmp_path / "out.parquet")
    )
    assert_frame_equal(pl.read_parquet(tmp_path / "out.parquet"), table_of(snapshot))
