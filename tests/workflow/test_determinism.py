"""The same bits, whatever the number of cores and however the data arrived."""

import json

import polars as pl
from polars.testing import assert_frame_equal

from micro.audio import GENRES, write_clip, write_corpus

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
        assert_frame_equal(table, other[name], check_exact=True, obj=name)


def test_one_core_and_two_cores_give_the_same_bits(clone, finished):
    clone.run(cores=1)
    assert_equal(all_tables(clone), all_tables(finished))


def test_all_at_once_and_in_three_steps_give_the_same_bits(clone, finished):
    data = clone / "data/micro"
    table = (data / "tracks.csv").read_text()
    clips = [data / genre / f"{number:02d}.wav" for genre in GENRES for number in range(6)]
    later = {2: clips[2::3], 3: clips[1::3]}
    for clip in [*later[2], *later[3]]:
        clip.unlink()
    (data / "tracks.csv").write_text("\n".join(table.splitlines()[::3]) + "\n")
    clone.edit_config(lambda c: c["splits"]["fixed"].update(test=0.5))
    steps = clone.start()
    steps.communicate()
    for step in (2, 3):
        for clip in later[step]:
            write_clip(data, clip.parent.name, int(clip.stem))
        (data / "tracks.csv").write_text(table)
        if step == 3:
            clone.edit_config(lambda c: c["splits"]["fixed"].update(test=0.35))
            clone.run()
        else:
            clone.start().communicate()
    batches = list((clone / "results/datasets/micro/catalogue/batches").iterdir())
    assert len(batches) > 3
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
