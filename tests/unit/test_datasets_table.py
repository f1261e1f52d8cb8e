"""Tables of track features as users save them. The tests of the script make theirs here too."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from genreflow.config import SHIPPED
from genreflow.datasets.gtzan import SPLITS
from genreflow.datasets.layout import TableDataset
from genreflow.datasets.table import Tables, read_tables
from genreflow.errors import GenreflowError
from genreflow.features.store import HEAD
from genreflow.features.table import load_vectors
from genreflow.measured import MEASURED, TAGS
from genreflow.schema import check, read_part, read_yaml, schema_of
from genreflow.tracks import build_tracks

SETTINGS = {
    "root": "data/mine",
    "kind": "table",
    "table": "t.csv",
    "columns": {"label": "genre"},
    "features": {"*": "number"},
}
ROWS = "genre,energy,tempo\nrock,0.5,120\npop,0.25,90.5\njazz,0.1,60\n"


def checked(settings: dict) -> dict:
    return check(SETTINGS | settings, schema_of("dataset"), "config/datasets/mine.yaml")


class Folder:
    """A folder with tables, which are read as a dataset."""

    def __init__(self, root):
        self.root = root

    def write(self, content, name="t.csv"):
        content = content if isinstance(content, bytes) else content.encode()
        (self.root / name).write_bytes(content)

    def dataset(self, **settings) -> TableDataset:
        settings = checked({"root": str(self.root)} | settings)
        return TableDataset.from_config("mine", settings, lists_folder=None)

    def read(self, content=None, **settings) -> Tables:
        if content is not None:
            self.write(content)
        return read_tables(self.dataset(**settings), "5" * 16)

    def fail(self, content=None, **settings) -> str:
        with pytest.raises(GenreflowError) as error:
            self.read(content, **settings)
        return str(error.value)


@pytest.fixture
def mine(tmp_path) -> Folder:
    return Folder(tmp_path)


def labelled(tables: Tables, *columns: str) -> dict:
    """Values of features by label."""
    labels = tables.tracks.select("track_id", pl.col("labels").list.first())
    rows = tables.features.join(labels, on="track_id")
    return dict(zip(rows["labels"], rows.select(columns).rows(), strict=True))


def quarantined(tables: Tables) -> dict:
    rows = tables.tracks.filter(pl.col("status") == "quarantined")
    return dict(rows.select(pl.col("labels").list.first(), "reason").iter_rows())


# How a table was saved


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        ROWS.replace(",", "\t"),
        ROWS.replace(",", ";"),
        ROWS.replace(",", ";")
        .replace("0.5;", "0,5;")
        .replace("0.25", ",25")
        .replace("0.1", "0,1")
        .replace("90.5", "90,5"),
        ROWS.replace("\n", "\r\n"),
        ROWS.replace("\n", "\r"),
        b"\xef\xbb\xbf" + ROWS.encode(),
        b"\xef\xbb\xbf" + ROWS.replace(",", ";").replace(".", ",").replace("\n", "\r\n").encode(),
        ROWS.replace("rock", '" rock "').replace("120", " 120 "),
        "\n" + ROWS + ",,\n",
        ROWS.replace("energy", " energy "),
        ROWS.replace("k,0.5", "k,5e-1").replace("120", "120.0").replace("0.25", "+.250"),
    ],
    ids=[
        *("comma", "tab", "semicolon", "decimal_comma", "crlf", "cr", "bom", "excel"),
        *("quotes", "blank", "header", "spelling"),
    ],
)
def test_a_table_is_read_however_it_was_saved(mine, content):
    tables = mine.read(content)
    assert labelled(tables, "energy", "tempo") == {
        "rock": (0.5, 120.0),
        "pop": (0.25, 90.5),
        "jazz": (0.1, 60.0),
    }
    assert tables.tracks["track_id"].to_list() == mine.read(ROWS).tracks["track_id"].to_list()


def test_a_comma_that_parts_thousands_is_no_decimal_comma(mine):
    tables = mine.read("genre;energy;tempo\nrock;0.5;1,234\npop;0.25;987\njazz;0.1;60\n")
    assert quarantined(tables) == {"rock": "tempo: '1,234' is no number"}
    assert labelled(tables, "tempo") == {"pop": (987.0,), "jazz": (60.0,)}


def test_a_table_without_a_feature_is_refused(mine):
    assert "no column is a feature" in mine.fail("genre\nrock\npop\n")


def test_parquet_says_the_same_as_csv(mine):
    content = "genre,energy,tempo,live,year\n" + "".join(
        f"g{i % 3},{value!r},{i},{i % 2 > 0},{i}\n"
        for i, value in enumerate((np.random.default_rng(0).standard_normal(50) * 1e-5).tolist())
    )
    how = {"features": {"live": "boolean", "*": "number"}, "ignored": ["year"]}
    expected = mine.read(content, **how)
    frame = pl.read_csv(content.encode(), null_values=[])
    frame.write_parquet(mine.root / "t.parquet")
    found = mine.read(table="t.parquet", **how)
    assert_frame_equal(found.features, expected.features, check_exact=True)
    assert_frame_equal(found.tracks.drop("title"), expected.tracks.drop("title"))


def test_lists_of_labels_in_parquet(mine):
    rows = {"genre": [["pop", "rock"], [], None, ["a, b"]], "energy": [1.0, 2.0, np.nan, 4.0]}
    pl.DataFrame(rows | {"tempo": [1, 2, 3, 4]}).write_parquet(mine.root / "t.parquet")
    tables = mine.read(table="t.parquet", separator=";")
    by_tempo = tables.features.join(tables.tracks, on="track_id").sort("tempo")
    assert by_tempo["labels"].to_list() == [["pop", "rock"], None, None, ["a, b"]]
    assert by_tempo["energy"].to_list() == [1.0, 2.0, None, 4.0]


def test_neither_rows_nor_files_nor_columns_have_an_order(mine):
    rng = np.random.default_rng(1)
    values = rng.integers(0, 9, (300, 4)) / 8
    head = "genre,a,b,key\n"
    lines = [f"g{i % 5},{a},{b},{k}\n" for i, (a, b, _, k) in enumerate(values)]
    how = {"table": ["t.csv", "u.csv"], "features": {"*": "number", "key": "one_hot"}}
    mine.write(head + "".join(lines[:100]))
    mine.write(head + "".join(lines[100:]), "u.csv")
    expected = mine.read(**how)
    shuffled = [lines[i] for i in rng.permutation(300)]
    mine.write(head + "".join(shuffled[:20]), "u.csv")
    mine.write(head + "".join(shuffled[20:]))
    found = mine.read(**how | {"table": ["u.csv", "t.csv"]})
    assert_frame_equal(found.features, expected.features, check_exact=True)
    assert_frame_equal(found.tracks.drop("title"), expected.tracks.drop("title"))
    mine.write("b,key,genre,a\n", "u.csv")
    assert len(mine.read(**how).tracks) == 280


@pytest.mark.parametrize(
    ("content", "settings", "words"),
    [
        ("", {}, ["t.csv", "empty"]),
        ("genre,energy\n", {}, ["t.csv", "no rows"]),
        ("genre,energy\nrock\n", {}, ["t.csv, line 2", "1 cells under 2 headers"]),
        (b"genre,energy\nrock,1\ncaf\xe9,2\n", {}, ["t.csv, line 3", "UTF-8"]),
        (ROWS.encode("utf-16"), {}, ["t.csv", "UTF-8"]),
        (b"PAR1", {"table": "t.csv"}, ["t.csv", "'genre'"]),
        ("genre,energy,energy\nrock,1,2\n", {}, ["2 columns are headed 'energy'"]),
        ("gerne,energy\nrock,1\n", {}, ["t.csv", "'genre'", "did you mean 'gerne'"]),
        (ROWS, {"features": {"energi": "number"}}, ["'energi'", "did you mean 'energy'"]),
        (ROWS, {"ignored": ["tmepo"]}, ["'tmepo'", "did you mean 'tempo'"]),
        (ROWS, {"columns": {"label": "genre", "artist": "artists"}}, ["no column 'artists'"]),
        (ROWS, {"features": {"energy": "number"}}, ["'tempo' (number 3)", "features", "ignored"]),
        (",genre,energy\n0,rock,1\n", {}, ["the column ''", "(number 1)", "ignored"]),
        (ROWS, {"varying": ["popularity"]}, ["'popularity'", "varying"]),
        ("genre,energy,reason\nrock,1,2\n", {}, ["'reason'", "rename"]),
        (
            "genre,key,key=1\nrock,1,2\n",
            {"features": {"key": "one_hot", "key=1": "number"}},
            ["'key=1'", "rename"],
        ),
        (
            ROWS,
            {"columns": {"label": "genre", "given": {"official": "tempo"}}},
            ["'120' (t.csv, line 2)", "train, valid"],
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_said(mine, content, settings, words):
    said = mine.fail(content, **settings)
    for word in words:
        assert word in said


def test_tables_of_a_dataset_have_the_same_columns(mine):
    mine.write("genre,energy\npop,1\n", "u.csv")
    said = mine.fail(ROWS, table=["t.csv", "u.csv"])
    assert "u.csv" in said and "t.csv" in said and "not in both: tempo" in said


def test_what_is_no_parquet_is_said(mine):
    mine.write("PAR1 and no more", "t.parquet")
    assert "t.parquet: not a parquet file" in mine.fail(table="t.parquet")


def test_any_type_of_a_parquet_column_can_be_ignored(mine):
    frame = pl.DataFrame({"genre": ["rock"], "x": [1.5], "day": ["2020-01-31"]}).with_columns(
        pl.col("genre").cast(pl.Categorical),
        day=pl.col("day").str.to_date(),
        took=pl.duration(seconds=3),
        price=pl.lit("1.20").cast(pl.Decimal(10, 2)),
        short=pl.lit(0.1, pl.Float32),
    )
    frame.write_parquet(mine.root / "t.parquet")
    how = {"table": "t.parquet", "ignored": ["day", "took"]}
    assert labelled(mine.read(**how), "x", "price") == {"rock": (1.5, 1.2)}
    frame.with_columns(parts=pl.struct("x")).write_parquet(mine.root / "t.parquet")
    assert "t.parquet: the column 'parts' holds Struct" in mine.fail(**how)


# What cells hold


@pytest.mark.parametrize("cell", ["", " ", "NA", "nan", "NaN", "null", "NULL", "None", "n/a", "?"])
def test_a_missing_cell_is_left_to_the_pipeline(mine, cell):
    tables = mine.read(ROWS.replace("0.25", cell))
    assert labelled(tables, "energy")["pop"] == (None,)
    assert quarantined(tables) == {}


def test_missing_values_reach_training_as_nan(mine, tmp_path):
    tables = mine.read(ROWS.replace("0.25", "NaN"))
    tables.features.write_parquet(tmp_path / "f.parquet")
    vectors = load_vectors([tmp_path / "f.parquet"], tables.tracks)
    assert vectors["reason"].null_count() == len(vectors) == 3
    assert np.isnan(vectors.drop(HEAD).to_numpy()).sum() == 1


def test_rows_with_missing_cells_are_left_out_on_request(mine):
    tables = mine.read(ROWS.replace("0.25,90.5", "NA,"), missing="exclude")
    assert quarantined(tables) == {"pop": "energy is missing; tempo is missing"}
    assert len(tables.features) == 2


def test_a_row_without_any_feature_is_left_out(mine):
    tables = mine.read(ROWS.replace("0.25,90.5", ","))
    assert quarantined(tables) == {"pop": "no feature is given"}


@pytest.mark.parametrize("cell", ["fast", "inf", "-Infinity", "1e999", "1.2.3", "12 bpm", "True"])
def test_a_text_among_numbers_is_that_rows_reason(mine, cell):
    tables = mine.read(ROWS.replace("120", cell))
    assert quarantined(tables) == {"rock": f"tempo: '{cell}' is no number"}
    assert labelled(tables, "tempo") == {"pop": (90.5,), "jazz": (60.0,)}
    row = tables.tracks.row(by_predicate=pl.col("status") == "quarantined", named=True)
    assert row["digest"] is None and row["title"] == "t.csv, line 2"


def test_a_column_of_text_among_the_features_stops_the_run(mine):
    content = "genre,energy,mood\nrock,1,\npop,2,calm\njazz,3,7\nfolk,4,wild\n"
    said = mine.fail(content)
    for word in ("t.csv, line 3", "mood: 'calm' is no number", "2 of the 3", "ignored", "one_hot"):
        assert word in said
    assert len(mine.read(content, features={"*": "number", "mood": "one_hot"}).features) == 4


def test_numbers_at_the_edges_of_floats_are_kept(mine):
    cells = ["1.7976931348623157e308", "5e-324", "-0.0", "9007199254740993", "0.1"]
    lines = [f"g{i},{cell}\n" for i, cell in enumerate(cells)]
    found = labelled(mine.read("genre,x\n" + "".join(lines)), "x")
    assert [found[f"g{i}"][0] for i in range(5)] == [float(cell) for cell in cells]


def test_booleans_are_0_or_1(mine):
    cells = ["True", "false", "YES", "no", "1", "0", "1.0", "0.0", "", "maybe"]
    content = "genre,live\n" + "".join(f"g{i},{cell}\n" for i, cell in enumerate(cells))
    content = (
        content.replace("genre,live", "genre,live,x").replace("\n", ",1\n").replace("x,1", "x")
    )
    tables = mine.read(content, features={"live": "boolean", "x": "number"})
    found = labelled(tables, "live")
    assert [found[f"g{i}"][0] for i in range(9)] == [1, 0, 1, 0, 1, 0, 1, 0, None]
    assert quarantined(tables) == {"g9": "live: 'maybe' is neither true nor false"}


def test_one_hot_columns_are_sorted_as_numbers_and_all_0_where_missing(mine):
    content = "genre,key,x\n" + "".join(
        f"g{i},{key},1\n" for i, key in enumerate(["10", "2", "2.0", "", "0.5", "low", "-1"])
    )
    tables = mine.read(content, features={"key": "one_hot", "x": "number"})
    names = ["key=-1", "key=0.5", "key=2", "key=10", "key=low"]
    assert tables.features.columns == [*HEAD, *names, "x"]
    found = labelled(tables, *names)
    assert found["g1"] == found["g2"] == (0, 0, 1, 0, 0)
    assert found["g3"] == (0, 0, 0, 0, 0)
    assert found["g5"] == (0, 0, 0, 0, 1)


def test_a_category_that_no_usable_row_has_is_no_column(mine):
    content = "genre,key,x\nrock,1,1\npop,2,fast\njazz,3,3\n"
    tables = mine.read(content, features={"key": "one_hot", "x": "number"})
    assert tables.features.columns == [*HEAD, "key=1", "key=3", "x"]


def test_names_are_no_categories(mine):
    content = "genre,name\n" + "".join(f"rock,n{i}\n" for i in range(1001))
    said = mine.fail(content, features={"name": "one_hot"})
    assert "'name' has 1001 categories" in said and "ignored" in said


def test_logarithms(mine):
    tables = mine.read(
        "genre,ms\nrock,0\npop,999\njazz,-1\nfolk,?\n" + "a,3\n" * 2,
        features={"ms": ["log", "min_max"]},
    )
    found = labelled(tables, "ms")
    assert found["rock"] == (0.0,)
    assert found["pop"] == pytest.approx(np.log(1000), rel=1e-15)
    assert quarantined(tables)["jazz"] == "ms: '-1' is below 0, and has no logarithm"


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"*": "number"}, []),
        ({"energy": "min_max", "tempo": ["log", "min_max"]}, ["energy", "tempo"]),
        ({"energy": "number", "*": "min_max"}, ["tempo"]),
    ],
)
def test_what_the_pipeline_scales_is_known_before_the_table_is_read(mine, features, expected):
    mine.write("\n" + ROWS)
    dataset = mine.dataset(features=features, missing="mean")
    assert dataset.preparation == {"missing": "mean", "min_max": expected}
    pl.read_csv(ROWS.encode()).write_parquet(mine.root / "t.parquet")
    dataset = mine.dataset(features=features, table="t.parquet")
    assert dataset.preparation == {"missing": "median", "min_max": expected}


# What rows say


def test_labels_in_one_cell(mine):
    content = "genre,x\n" + '"rock, pop",1\n"pop,rock , pop",2\nset(),3\n,4\n" , ",5\nNone,6\n'
    tables = mine.read(content, separator=",", no_label=["set()"])
    rows = tables.features.join(tables.tracks, on="track_id").sort("x")
    assert rows["labels"].to_list() == [["rock", "pop"], ["pop", "rock"], *[None] * 4]
    assert rows["all_labels"].to_list() == [["pop", "rock"]] * 2 + [None] * 4


def test_one_label_only_is_no_error(mine):
    tables = mine.read("genre,x\nrock,1\nrock,2\n")
    assert tables.tracks["labels"].to_list() == [["rock"], ["rock"]]


def test_columns_that_describe_a_track(mine):
    columns = {"id": "ID", "label": "genre", "artist": "by", "title": "name"}
    columns |= {"given": {"official": "part"}}
    content = (
        "ID,genre,by,name,part,x\nNA,rock,Ann,One,Train,1\n"
        'b\\\n,pop,,,valid,2\n" c ",pop,?,n/a,not in lists,3\n'
    ).replace("b\\\n", '"b\\\nb"')
    tracks = mine.read(content, columns=columns).tracks
    assert tracks["track_id"].to_list() == ["NA", r"b\\\nb", "c"]
    assert tracks["artist"].to_list() == ["Ann", None, None]
    assert tracks["title"].to_list() == ["One", "t.csv, line 3", "t.csv, line 5"]
    assert tracks["given_official"].to_list() == ["train", "validation", None]
    assert tracks["batch"].unique().to_list() == ["5" * 16]


TARGETS = {"columns": {"label": "genre", "targets": {"pace": "tempo"}}}


@pytest.mark.parametrize(
    "content",
    [
        ROWS.replace("90.5", "NA"),
        ROWS.replace("90.5", " ").replace(",", ";").replace("120", "120,0").replace("0.", "0,"),
    ],
    ids=["csv", "excel"],
)
def test_a_number_to_predict_is_no_feature(mine, content):
    tables = mine.read(content, **TARGETS)
    assert tables.features.columns == [*HEAD, "energy"]
    assert tables.tracks.schema["target_pace"] == pl.Float64
    found = dict(tables.tracks.select(pl.col("labels").list.first(), "target_pace").iter_rows())
    assert found == {"rock": 120.0, "pop": None, "jazz": 60.0}
    assert tables.tracks["status"].unique().to_list() == ["ok"]


@pytest.mark.parametrize("cell", ["fast", "inf", "1e999", "1,200"])
def test_a_number_to_predict_that_is_none_stops_the_run(mine, cell):
    said = mine.fail(ROWS.replace(",", ";").replace("60\n", f"{cell}\n"), **TARGETS)
    assert f"t.csv, line 4: '{cell}' in the column 'tempo' is no number" in said


def test_numbers_to_predict_in_parquet(mine):
    frame = pl.DataFrame({"genre": ["a", "b"], "energy": [1, 2], "tempo": [120.25, None]})
    frame.write_parquet(mine.root / "t.parquet")
    tracks = mine.read(table="t.parquet", **TARGETS).tracks
    assert sorted(tracks["target_pace"].to_list(), key=str) == [120.25, None]


def test_the_tracks_table_has_the_columns_of_an_audio_dataset(mine):
    snapshot = {"track_id": "a", "batch": "b", "labels": ["x"], "labels_from": "folder"}
    snapshot = pl.DataFrame([snapshot | {"artist": None, "title": None}])
    decoded = {"track_id": "a", "batch": "b", "status": "ok", "reason": None, "digest": "d"}
    decoded = {name: decoded.get(name) for name in ("track_id", "batch", *MEASURED, *TAGS)}
    audio = build_tracks(snapshot, pl.DataFrame([decoded]), sources=["folder"])
    assert mine.read(ROWS).tracks.schema == audio.schema


def test_equal_rows_count_once_or_each(mine):
    content = ROWS + "rock,0.50,120.0\nrock,0.5,120\n"
    dropped = mine.read(content)
    (first,) = mine.read("genre,energy,tempo\nrock,0.5,120\n").tracks["track_id"]
    assert len(first) == 16 and set(first) <= set("0123456789abcdef")
    rock = dropped.tracks.filter(pl.col("labels").list.first() == "rock")
    assert rock["track_id"].to_list() == [first, f"{first}-2", f"{first}-3"]
    assert rock["reason"].to_list() == [None, *["equal to another row of the table"] * 2]
    assert first in dropped.features["track_id"] and len(dropped.features) == 3
    kept = mine.read(content, duplicates="keep")
    assert len(kept.features) == 5
    copies = kept.tracks.filter(pl.col("duplicate_of").is_not_null())
    assert copies.select("track_id", "duplicate_of").rows() == [
        (f"{first}-2", first),
        (f"{first}-3", first),
    ]


def test_an_id_that_stands_twice_is_an_error_unless_the_rows_are_equal(mine):
    columns = {"id": "id", "label": "genre"}
    content = "id,genre,x\na,rock,1\nb,pop,2\na,rock,1.0\na-2,pop,3\n"
    tracks = mine.read(content, columns=columns).tracks
    assert tracks["track_id"].to_list() == ["a", "a-2", "a-3", "b"]
    assert tracks["status"].to_list() == ["ok", "ok", "quarantined", "ok"]
    kept = mine.read(content, columns=columns, duplicates="keep").tracks
    assert kept["duplicate_of"].to_list() == [None, None, "a", None]
    mine.write("id,genre,x\nb,pop,7\n", "u.csv")
    said = mine.fail(columns=columns, table=["t.csv", "u.csv"])
    assert "u.csv, line 2: the id 'b' stands in t.csv, line 3 too" in said
    assert "t.csv, line 3: the id, 'id', is missing" in mine.fail(
        "id,genre,x\na,rock,1\n,pop,2\n", columns=columns
    )


def test_rows_that_differ_in_what_may_vary_are_one_recording(mine):
    content = (
        "genre,popularity,energy,tempo\nrock,10,0.5,120\npop,20,0.50,120\nrock,30,0.5,120.0\n"
        "jazz,10,0.5,121\nfolk,40,,\nsoul,50,,\n"
    )
    tracks = mine.read(content, varying=["popularity"]).tracks
    same = tracks.filter(pl.col("all_labels") == ["pop", "rock"])
    assert len(same) == 3
    assert same["conflict"].null_count() == 0
    assert same["duplicate_of"].null_count() == 1
    others = tracks.join(same, on="track_id", how="anti")
    assert others["conflict"].null_count() == others["duplicate_of"].null_count() == 3
    assert mine.read(content).tracks["conflict"].null_count() == 6
    alone = mine.read(content, varying=["popularity", "energy", "tempo"]).tracks
    assert alone["digest"].n_unique() == alone["duplicate_of"].null_count() == 6


# What a dataset's file may say


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"audio": {"seconds": 3.0}}, ["audio"]),
        ({"make": "a.b"}, ["make"]),
        ({"labels": "folder"}, ["labels"]),
        ({"columns": {"label": "genre", "path": "p"}}, ["columns.path"]),
        ({"columns": {}}, ["columns", "missing 'label'"]),
        ({"kind": "audio", "missing": "mean"}, ["missing"]),
        ({"kind": "audio", "columns": {"id": "x"}}, ["columns.id"]),
        ({"columns": {"label": "genre", "targets": {"a b": "x"}}}, ["columns.targets", "'a b'"]),
        ({"columns": {"label": "genre", "targets": ["x"]}}, ["columns.targets", "a list"]),
        ({"kind": "audio", "table": ["a.csv"]}, ["table", "expected string"]),
        ({"kind": "tabel"}, ["kind", "did you mean 'table'"]),
        ({"features": {}}, ["features"]),
        ({"features": {"a": "numbr"}}, ["features.a", "number"]),
        ({"missing": "zero"}, ["missing", "median"]),
    ],
)
def test_keys_of_the_other_kind_are_refused(settings, words):
    with pytest.raises(GenreflowError) as error:
        checked(settings)
    for word in ("config/datasets/mine.yaml", *words):
        assert word in str(error.value)


@pytest.mark.parametrize("key", ["table", "columns", "features"])
def test_what_a_table_needs_is_said(key):
    with pytest.raises(GenreflowError, match=f"missing '{key}'"):
        check({k: v for k, v in SETTINGS.items() if k != key}, schema_of("dataset"), "mine.yaml")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"features": {"key": ["one_hot", "log"]}}, "features.key: one_hot and log exclude"),
        ({"features": {"genre": "one_hot"}}, "the column 'genre' has two roles"),
        ({"ignored": ["a"], "features": {"a": "number"}}, "the column 'a' has two roles"),
        (TARGETS | {"features": {"tempo": "number"}}, "the column 'tempo' has two roles"),
    ],
)
def test_a_layout_that_contradicts_itself_is_refused(mine, settings, words):
    with pytest.raises(GenreflowError, match=words) as error:
        mine.dataset(**settings)
    assert "config/datasets/mine.yaml" in str(error.value)


# The tables that are published


def shipped(name, root, tmp_path, **changes) -> Tables:
    settings = read_part("dataset", name, "test", SHIPPED) | {"root": str(root)} | changes
    return read_tables(TableDataset.from_config(name, settings, lists_folder=tmp_path), "5" * 16)


def test_spotify(shared_data, tmp_path):
    tables = shipped("spotify", shared_data / "tabular", tmp_path)
    assert len(tables.tracks) == 3 * 34_200
    assert len(tables.features) == 71_002
    assert tables.features.width == len(HEAD) + 30
    assert tables.tracks["labels"].list.first().n_unique() == 114
    used = tables.tracks.filter(pl.col("status") == "ok")
    files = [shared_data / "tabular" / f"spotify_tracks_sample_{name}.csv" for name in "ABC"]
    oracle = pl.concat([pl.read_csv(file) for file in files]).unique()
    values = ["popularity", "tempo", "loudness", "instrumentalness"]
    assert tables.features.select(values).cast(pl.Float64).sum().row(0) == pytest.approx(
        oracle.select(values).cast(pl.Float64).sum().row(0)
    )
    alike = oracle.drop("track_genre", "popularity").n_unique()
    assert used["duplicate_of"].count() == len(oracle) - alike
    assert used["digest"].n_unique() == alike


def test_top_hits(shared_data, tmp_path):
    tables = shipped("top_hits", shared_data / "tabular", tmp_path)
    used = tables.tracks.filter(pl.col("status") == "ok")
    assert (len(tables.tracks), len(used), len(tables.features)) == (2000, 1941, 1941)
    assert tables.features.width == len(HEAD) + 11
    assert tables.tracks["labels"].null_count() == 22
    assert used["labels"].explode().drop_nulls().value_counts(sort=True)["labels"][0] == "pop"
    assert "hip hop" in used["labels"].explode().to_list()
    assert used["artist"].null_count() == used["title"].null_count() == 0


def test_the_table_of_gtzan(shared_data, tmp_path):
    for file in (shared_data / "gtzan_index").glob("*.txt"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tables = shipped("gtzan_features", shared_data / "tabular", tmp_path)
    tracks = tables.tracks
    assert tables.features.shape == (1000, len(HEAD) + 57)
    assert tracks["track_id"][0] == "blues.00000.wav"
    assert tracks["duplicate_of"].count() == 14
    assert tracks["conflict"].count() == 2
    assert {f"given_{name}" for name in SPLITS} < set(tracks.columns)
    oracle = pl.read_csv(shared_data / "tabular" / "gtzan_tracks.csv", infer_schema=False)
    oracle = oracle.sort("track").with_columns(pl.col("artist").replace("", None))
    assert tracks["artist"].to_list() == oracle["artist"].to_list()
    parts = oracle["filtered_split"].replace({"valid": "validation", "": None})
    assert tracks["given_fault_filtered"].to_list() == parts.to_list()


def test_a_hundred_thousand_rows(mine):
    rng = np.random.default_rng(0)
    values = pl.DataFrame(rng.standard_normal((100_000, 20)), schema=[f"f{i}" for i in range(20)])
    frame = values.with_columns(genre=pl.Series(rng.integers(0, 50, 100_000)).cast(pl.String))
    frame.write_csv(mine.root / "t.csv")
    tables = mine.read()
    assert len(tables.features) == tables.tracks["digest"].n_unique() == 100_000
    assert tables.features["f3"].sum() == pytest.approx(values["f3"].sum())


def test_the_shipped_datasets_say_what_they_are():
    for file in (SHIPPED / "config/datasets").glob("*.yaml"):
        assert {"title", "root"} <= read_yaml(file).keys()
