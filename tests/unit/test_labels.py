"""Labels from folders and from tables as users write them."""

import pytest

from genreflow.datasets import Dataset
from genreflow.datasets.labels import Facts, label_tracks, read_sheet, read_table
from genreflow.errors import GenreflowError


@pytest.fixture
def table(tmp_path):
    """Write a table and read it: text or bytes, and the settings of read_table."""

    def read(content, **settings):
        path = tmp_path / "tracks.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, **settings)

    return read


def dataset(root, **settings):
    return Dataset.from_config("mine", {"root": str(root)} | settings, lists_folder=None)


ROWS = "path,label,artist,title\na.wav,rock,Ann,One\nb.wav,pop,,\n"
EXPECTED = {
    "a.wav": Facts(("rock",), "Ann", "One"),
    "b.wav": Facts(("pop",)),
}


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        ROWS.replace(",", "\t"),
        ROWS.replace(",", ";"),
        ROWS.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + ROWS.encode(),
        ROWS.replace("a.wav", '"a.wav"').replace("Ann", '" Ann "'),
        ROWS.replace("a.wav", "./a.wav").replace("b.wav", ".//b.wav"),
        "\n" + ROWS.replace("b.wav", "\n,,,\nb.wav"),
        ROWS + "a.wav,rock,Ann,One\n",
        ROWS.replace("label", "genre"),
        ROWS.replace("label", " labels "),
    ],
    ids=[
        *("comma", "tab", "semicolon", "crlf", "bom", "quotes"),
        *("dot", "blank", "twice", "genre", "labels"),
    ],
)
def test_a_table_is_read_however_it_was_saved(table, content):
    assert dict(table(content).facts) == EXPECTED


def test_columns_have_the_names_that_the_dataset_gives(table):
    columns = {"path": "File", "label": "Style", "artist": "By"}
    sheet = table("File,Style,By\na.wav,rock,Ann\n", columns=columns)
    assert sheet.facts["a.wav"] == Facts(("rock",), "Ann")


def test_several_labels_in_one_cell(table):
    sheet = table("path,labels\na.wav,rock; indie ;;rock\nb.wav, ; \n", separator=";")
    assert sheet.facts["a.wav"].labels == ("rock", "indie")
    assert sheet.facts["b.wav"].labels is None


def test_labels_are_text_even_where_they_look_like_numbers(table):
    assert table("path,label\na.wav,007\n").facts["a.wav"].labels == ("007",)


def test_paths_are_any_names_that_files_can_have(table):
    content = b'path,label\ncaf\xe9.wav,a\n"two\nlines.wav",b\n"com,ma ""q"".wav",c\nAC\\DC.wav,d\n'
    assert list(table(content).facts) == [
        r"caf\xe9.wav",
        r"two\nlines.wav",
        'com,ma "q".wav',
        r"AC\\DC.wav",
    ]


PARTS = ["train", "valid", "Validation", "val", " dev ", "TEST", "", "not in filtered lists"]


def test_given_parts_are_normalised(table):
    rows = zip("abcdefgh", PARTS, strict=True)
    sheet = table(
        "path,part\n" + "".join(f"{name}.wav,{part}\n" for name, part in rows),
        columns={"given": {"official": "part"}},
        labelled=False,
    )
    assert [facts.given["official"] for facts in sheet.facts.values()] == [
        "train",
        *["validation"] * 4,
        "test",
        None,
        None,
    ]


NUMBERS = {"columns": {"targets": {"tempo": "bpm", "energy": "nrg"}}}


@pytest.mark.parametrize(
    "content",
    [
        "path,label,bpm,nrg\na,x,120.5,1\nb,x,,-1e-3\nc,x,.5,\n",
        "path;label;bpm;nrg\na;x;120.5;1.\nb;x;;-0.001\nc;x;5e-1;\n",
        "path;label;bpm;nrg\na;x;120,5;1,0\nb;x; ;-1,0e-3\nc;x;,5;\n",
        "path\tlabel\tnrg\tbpm\na\tx\t 1 \t+120.50\nb\tx\t-0.1e-2\t\nc\tx\t\t0.5\n",
    ],
    ids=["comma", "semicolon", "decimal_comma", "tab"],
)
def test_numbers_are_read_however_they_are_written(table, content):
    facts = table(content, **NUMBERS).facts
    assert {track: dict(known.targets) for track, known in facts.items()} == {
        "a": {"tempo": 120.5, "energy": 1.0},
        "b": {"tempo": None, "energy": -0.001},
        "c": {"tempo": 0.5, "energy": None},
    }


def test_a_comma_that_parts_thousands_is_no_decimal_comma(table):
    with pytest.raises(GenreflowError, match=r"line 2: '1,200' in the column 'bpm'"):
        table("path;label;bpm;nrg\na;x;1,200;1\nb;x;987.5;1\n", **NUMBERS)


@pytest.mark.parametrize("cell", ["fast", "nan", "inf", "-Infinity", "1e999", "1_0", "12 bpm", "٣"])
def test_a_cell_that_is_no_finite_number_is_named(table, cell):
    with pytest.raises(GenreflowError) as error:
        table(f"path,label,bpm,nrg\na,x,1,1\n\nb,x,{cell},1\n", **NUMBERS)
    for word in ("tracks.csv, line 4", f"{cell!r} in the column 'bpm' is no number", "empty"):
        assert word in str(error.value)


def test_one_column_may_be_two_numbers_and_a_header_is_asked_for(table):
    both = {"columns": {"targets": {"tempo": "bpm", "pace": "bpm"}}}
    assert table("path,label,bpm\na,x,90\n", **both).facts["a"].targets == {
        "tempo": 90.0,
        "pace": 90.0,
    }
    with pytest.raises(GenreflowError, match=r"no column 'nrg'"):
        table("path,label,bpm\na,x,90\n", **NUMBERS)


def test_lines_of_one_track_must_say_the_same_number(table):
    line = "path,label,bpm,nrg\na,x,120,1\n"
    assert len(table(f"{line}a,x,120.0,1e0\n", **NUMBERS).facts) == 1
    with pytest.raises(GenreflowError, match=r"line 3: a stands in line 2 too, with other values"):
        table(f"{line}a,x,120.5,1\n", **NUMBERS)


@pytest.mark.parametrize(
    ("content", "settings", "words"),
    [
        ("file,label\na,b\n", {}, ["tracks.csv", "'path'", "file, label"]),
        ("path,lable\na,b\n", {}, ["'label'", "did you mean 'lable'"]),
        ("path,label\na,b\n", {"columns": {"artist": "Artist"}}, ["no column 'Artist'"]),
        ("path,label,label\na,b,c\n", {}, ["2 columns are headed 'label'"]),
        ("", {}, ["no column 'path'"]),
        ("path,label\na,b,c\n", {}, ["line 2", "3 cells under 2 headers"]),
        ('path,label\na,"b"c\n', {}, ["line 2", "not a table"]),
        ('path,label\n"x\ny",b\na,"b\n', {}, ["line 4", "not a table"]),
        ("path,label\na,b\nc,d\n./a,c\n", {}, ["line 4", "a stands in line 2 too"]),
        ("path,label\n/a.wav,b\n", {}, ["line 2", "/a.wav", "leaves"]),
        ("path,label\nb/../../a.wav,b\n", {}, ["line 2", "leaves"]),
        ("path,label\n..,b\n", {}, ["line 2", "leaves"]),
        ("path,label\n,b\n", {}, ["line 2", "names no file"]),
        ("path,label\n./,b\n", {}, ["line 2", "names no file"]),
        ("path,label\na,b\n".encode("utf-16"), {}, ["tracks.csv", "UTF-8"]),
        (b"path,label\na,caf\xe9\n", {}, ["line 2", "UTF-8"]),
        (
            "path,part\na,training\nb,test\nc,holdout\nd,training\n",
            {"columns": {"given": {"official": "part"}}, "labelled": False},
            ["'training' (line 2), 'holdout' (line 4)", "train, valid"],
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_said(table, content, settings, words):
    with pytest.raises(GenreflowError) as error:
        table(content, **settings)
    for word in words:
        assert word in str(error.value)


def test_a_path_that_stays_in_root_may_go_up_and_down(table):
    assert list(table("path,label\nb/../a.wav,x\n").facts) == ["a.wav"]


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(GenreflowError, match=r"tracks\.csv"):
        read_sheet(dataset(tmp_path, labels="table", table="tracks.csv"))


def test_labels_from_a_table_need_a_table(tmp_path):
    with pytest.raises(GenreflowError, match=r"config/datasets/mine\.yaml"):
        dataset(tmp_path, labels=["table", "folder"])


def test_numbers_need_a_table(tmp_path):
    with pytest.raises(GenreflowError, match=r"mine\.yaml: targets are .* `table: tracks.csv`"):
        dataset(tmp_path, **NUMBERS)


def test_numbers_of_tracks_that_the_table_does_not_know_are_not_known(tmp_path):
    (tmp_path / "t.csv").write_text("path,bpm,nrg\nrock/a.wav,120,\n")
    mine = dataset(tmp_path, table="t.csv", labels=["table", "folder"], **NUMBERS)
    columns = label_tracks(mine, read_sheet(mine), TRACKS)
    assert list(columns)[-2:] == ["target_tempo", "target_energy"]
    assert columns["target_tempo"] == [120.0, None, None]
    assert columns["target_energy"] == [None, None, None]


TRACKS = ["rock/a.wav", "x/pop/b.wav", "c.wav"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("folder", [["rock"], ["pop"], None]),
        ("tags", [None, None, None]),
        ("table", [["jazz"], None, ["folk"]]),
        (["table", "folder"], [["jazz"], ["pop"], ["folk"]]),
        (["folder", "table"], [["rock"], ["pop"], ["folk"]]),
        (["tags", "folder"], [["rock"], ["pop"], None]),
    ],
)
def test_the_first_source_that_knows_a_track_counts(tmp_path, labels, expected):
    (tmp_path / "t.tsv").write_text("path\tlabel\nrock/a.wav\tjazz\nc.wav\tfolk\nx/pop/b.wav\t\n")
    mine = dataset(tmp_path, labels=labels, table="t.tsv")
    assert label_tracks(mine, read_sheet(mine), TRACKS)["labels"] == expected


def test_the_source_of_a_label_is_noted_even_where_two_say_the_same(tmp_path):
    (tmp_path / "t.tsv").write_text("path\tlabel\nrock/a.wav\trock\nc.wav\t\n")
    mine = dataset(tmp_path, labels=["table", "tags", "folder"], table="t.tsv")
    columns = label_tracks(mine, read_sheet(mine), TRACKS)
    assert columns["labels"] == [["rock"], ["pop"], None]
    assert columns["labels_from"] == ["table", "folder", None]


def test_a_table_without_labels_still_gives_artists(tmp_path):
    (tmp_path / "t.csv").write_text("path,artist\nrock/a.wav,Ann\n")
    mine = dataset(tmp_path, labels=["table", "folder"], table="t.csv")
    columns = label_tracks(mine, read_sheet(mine), TRACKS[:1])
    assert columns == {
        "labels": [["rock"]],
        "labels_from": ["folder"],
        "artist": ["Ann"],
        "title": [None],
    }
