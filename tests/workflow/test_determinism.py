"""The same bits, whatever the number of cores and however the data arrived."""

import json
import shutil

import polars as pl
from polars.testing import assert_frame_equal

from micro.audio import write_clip, write_corpus

TABLES = ("metrics", "confusion", "guesses")


def all_tables(clone):
    """What is promised to be equal: decoded, features, splits, predictions and metrics."""
    dataset = clone / "results/datasets/micro"
    kept = clone.tracks().select("track_id", "batch")

    def batched(folder):
        tables = [pl.read_parquet(p) for p in sorted((dataset / folder).glob("*.parquet"))]
        return (
            pl.concat(tables)
            .join(kept, on=["track_id", "batch"], how="semi")
            .drop("batch")
            .sort("track_id")
        )

    tables = {folder: batched(folder) for folder in ("decoded", "features/summary/original")}
    tables["tracks"] = clone.tracks().drop("batch")
    tables["split"] = clone.table("splits/fixed.parquet")
    tables["predictions"] = clone.table("runs/forest/fixed/predictions.parquet")
    for name in TABLES:
        tables[name] = clone.table(f"tables/{name}.parquet")
    return tables


def assert_equal(one, other):
    for name, table in one.items():
        print(f"comparing {name}")
        assert_frame_equal(table, other[name], check_exact=True)


def test_one_core_and_two_cores_give_the_same_bits(clone, finished):
    clone.run(cores=1)
    assert_equal(all_tables(clone), all_tables(finished))


def test_all_at_once_and_in_three_steps_give_the_same_bits(clone, finished):
    data = clone / "data/micro"
    sides = dict(finished.table("splits/fixed.parquet").select("track_id", "part").iter_rows())
    # The first step has a clip of every genre on every side.
    first = {(track.partition("/")[0], side): track for track, side in sides.items()}.values()
    later = sorted(sides.keys() - first)
    for track in later:
        (data / track).unlink()
    for added in ([], later[::2], later[1::2]):
        for track in added:
            genre, _, name = track.partition("/")
            write_clip(data, genre, int(name.removesuffix(".wav")))
        clone.run()
        now = clone.table("splits/fixed.parquet").filter(pl.col("part") != "excluded")
        assert dict(now.select("track_id", "part").iter_rows()).items() <= sides.items()
    assert_equal(all_tables(clone), all_tables(finished))


def test_one_batch_or_many_give_the_same_bits(clone, finished):
    clone.edit_config(lambda c: c.update(batch_size=1))
    clone.run()
    assert_equal(all_tables(clone), all_tables(finished))


def test_audio_that_is_not_kept_gives_the_same_bits(clone, finished):
    clone.edit_config(lambda c: c.update(keep_audio=False))
    clone.run()
    assert_equal(all_tables(clone), all_tables(finished))
    stored = (clone / "results/datasets/micro/audio/22050").glob("*.npy")
    assert all(path.stat().st_size < 200 for path in stored)


def test_variants_do_not_depend_on_batches_or_cores(clone):
    variant = "stretch0.93_noise20"
    clone.edit_config(lambda c: c["runs"]["forest"].update(variants=[variant]))
    folder = clone / f"results/datasets/micro/features/summary/{variant}"
    made = []
    for cores, batch_size in ((2, 4), (1, 5)):
        shutil.rmtree(clone / "results", ignore_errors=True)
        clone.edit_config(lambda c, size=batch_size: c.update(batch_size=size))
        clone.run("--", "features", cores=cores)
        tables = [pl.read_parquet(path) for path in folder.glob("*.parquet")]
        made.append(pl.concat(tables).drop("batch").sort("track_id"))
    assert_frame_equal(*made, check_exact=True)
    assert made[0]["reason"].is_null().all()


def test_a_run_says_what_it_was_made_with(finished):
    run = json.loads((finished.results / "runs/forest/fixed/run.json").read_text())
    assert run["study"] == "micro" and run["dataset"] == "micro" and run["split"] == "fixed"
    assert run["data_digest"] and run["snapshot"] and run["seed"] == 0
    assert run["features"]["code"]["summary"]
    assert {"numpy", "scikit-learn", "genreflow"} <= set(run["versions"])
    assert run["seconds"] > 0 and run["peak_memory_mb"] > 0


def test_the_corpus_itself_is_the_same_every_time(tmp_path):
    write_corpus(tmp_path / "a")
    write_corpus(tmp_path / "b")
    for clip in (tmp_path / "a").rglob("*.wav"):
        again = tmp_path / "b" / clip.relative_to(tmp_path / "a")
        assert clip.read_bytes() == again.read_bytes()
