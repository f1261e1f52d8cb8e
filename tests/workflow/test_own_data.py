"""One's own music, as config/README.md says."""

import re
import shutil

import numpy as np
import polars as pl
import pytest
import soundfile as sf

from genreflow.features.table import Arrays
from micro.audio import GENRES, clip

from .conftest import ROOT


def example(name):
    """A block of config/README.md and the file that it names in its first line."""
    text = (ROOT / "config/README.md").read_text()
    block = re.search(
        rf"<!-- example: {re.escape(name)} -->\n```\w+\n# (\S+)\n(.*?)```", text, re.S
    )
    return block[1], block[2]


def write_example(clone, name):
    path, text = example(name)
    (clone / path).parent.mkdir(parents=True, exist_ok=True)
    (clone / path).write_text(text)


@pytest.fixture
def mine(clone):
    """A folder per label under data/mine, and the README's study."""
    for genre in GENRES:
        for number in range(6):
            path = clone / f"data/mine/{genre}/{number:02d}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            sf.write(path, clip(genre, number), 22050)
    write_example(clone, "study")
    clone.study = "mine"
    return clone


def labels(clone):
    """Labels by track, as the tracks table has them."""
    return {row["track_id"]: row["labels"] for row in clone.tracks().to_dicts()}


STUDY = ("config/studies/mine.yaml",)


def test_a_folder_per_label(mine):
    write_example(mine, "folder")
    mine.run(configs=STUDY)
    assert labels(mine)["tone/00.flac"] == ["tone"]
    assert (mine.results / "report.html").is_file()


def test_a_table(mine):
    write_example(mine, "table")
    rows = ["file,style,by,name"]
    for path in sorted((mine / "data/mine").rglob("*.flac")):
        moved = mine / "data/mine" / f"{path.parent.name}{path.name}"
        shutil.move(path, moved)
        rows.append(f"{moved.name},{path.parent.name}s,Artist {path.stem},Title {path.stem}")
    (mine / "data/mine/tracks.csv").write_text("\n".join(rows) + "\n")
    mine.run(configs=STUDY)
    track = mine.tracks().filter(track_id="tone00.flac").to_dicts()[0]
    assert (track["labels"], track["artist"], track["title"]) == (
        ["tones"],
        "Artist 00",
        "Title 00",
    )


def test_the_files_own_tags(mine):
    import mutagen

    write_example(mine, "tags")
    for path in (mine / "data/mine").rglob("*.flac"):
        tags = mutagen.File(path)
        tags["genre"], tags["artist"], tags["title"] = path.parent.name + "!", "A", path.stem
        tags.save()
    mine.run(configs=STUDY)
    track = mine.tracks().filter(track_id="tone/00.flac").to_dicts()[0]
    assert (track["labels"], track["artist"], track["title"]) == (["tone!"], "A", "00")


def test_the_examples_of_dataset_files_are_at_most_eight_lines():
    for name in ("folder", "table", "tags"):
        assert len(example(name)[1].splitlines()) <= 8


def write_own_features(clone):
    """The README's functions, and its entries beside those that are shipped."""
    write_example(clone, "features.py")
    shipped = (clone / "config/features.yaml").read_text()
    write_example(clone, "features.yaml")
    own = (clone / "config/features.yaml").read_text()
    (clone / "config/features.yaml").write_text(shipped + own)


def test_a_feature_set_of_ones_own(done):
    write_own_features(done)
    done.edit_config(lambda c: c["runs"].update(loud={"model": "knn", "features": "loudness"}))
    ran = done.jobs()
    assert "decode" not in ran and ran["resample"] == ran["extract"] and ran["train"] == 1
    assert (done / "results/datasets/micro/audio/16000").is_dir()


def test_an_array_set_of_ones_own(done):
    """One function and one entry: `snakemake features` makes its files, and nothing else."""
    write_own_features(done)
    done.edit_config(lambda c: c.update(features=["envelope"]))
    assert done.jobs("--", "features").keys() == {"extract"}
    tables = (done / "results/datasets/micro/features/envelope/original").glob("*.parquet")
    arrays = Arrays(sorted(map(str, tables)), done.tracks().select("track_id", "batch"))
    assert len(arrays) == 12
    for track_id, array in zip(arrays.tracks["track_id"], arrays, strict=True):
        y, _ = sf.read(done / "data/micro" / track_id, dtype="float32")
        expected = np.abs(y.reshape(10, -1)).max(axis=1)
        np.testing.assert_array_equal(array, expected.astype(np.float16))


def test_segments_and_variants(done):
    """A model that is trained on segments and copies predicts tracks."""
    write_own_features(done)
    with (done / "config/features.yaml").open("a") as features:
        features.write("sliced: {function: my_features.loudness, parameters: {quantile: 0.9},")
        features.write(" segment_seconds: 0.4}\n")
    robust = {
        "model": "logistic_regression",
        "features": "sliced",
        "variants": ["stretch0.8", "stretch3"],
        "test_variant": "gain-6_noise20",
    }
    done.edit_config(lambda c: c["runs"].update(robust=robust))
    ran = done.jobs()
    assert ran["augment"] == 3 * ran["extract"] and ran["train"] == 1

    folder = done / "results/datasets/micro/features/sliced"
    rows = {
        variant.name: pl.concat([pl.read_parquet(table) for table in variant.glob("*.parquet")])
        for variant in folder.iterdir()
    }
    assert {name: table.height for name, table in rows.items()} == {
        "original": 24,
        "stretch0.8": 36,
        "stretch3": 12,
        "gain-6_noise20": 24,
    }
    assert rows["stretch3"]["reason"].to_list() == ["0.33 s long; sliced needs 0.4 s"] * 12
    softer = rows["gain-6_noise20"]["mean"].mean() / rows["original"]["mean"].mean()
    assert 0.5 < softer < 0.51
    predicted = done.table("runs/robust/fixed/predictions.parquet")
    same = done.table("runs/forest/fixed/predictions.parquet")
    columns = ["track_id", "part", "target", "truth"]
    assert predicted.select(columns).equals(same.select(columns))


def test_results_elsewhere_than_in_the_clone(clone, tmp_path):
    """`--directory` puts results, and looks for data and configs, in another folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(clone / "data", elsewhere / "data")
    (elsewhere / "config/datasets").mkdir(parents=True)
    shutil.move(clone / "config/datasets/micro.yaml", elsewhere / "config/datasets/micro.yaml")
    clone.run("--directory", str(elsewhere))
    assert (elsewhere / "results/studies/micro/report.html").is_file()
    assert not (clone / "results").exists()


def test_as_a_module_of_another_workflow(clone, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(clone / "data", elsewhere / "data")
    shutil.copytree(clone / "config", elsewhere / "config")
    shutil.copy(clone / "config.yaml", elsewhere / "config.yaml")
    (elsewhere / "Snakefile").write_text(
        'configfile: "config.yaml"\n\n'
        "module genreflow:\n"
        f"    snakefile: '{clone / 'workflow/Snakefile'}'\n"
        "    config: config\n\n"
        "use rule * from genreflow\n\n"
        "rule mine:\n"
        "    default_target: True\n"
        "    input: rules.all.input\n"
        "    output: touch('mine.done')\n"
    )
    clone.run(
        "--snakefile", str(elsewhere / "Snakefile"), "--directory", str(elsewhere), configs=()
    )
    assert (elsewhere / "results/studies/micro/report.html").is_file()
    assert (elsewhere / "mine.done").is_file()


def test_snakemakes_own_report(done):
    done.run("--report", "snakemake.html")
    page = (done / "snakemake.html").read_text()
    assert "report.html" in page
