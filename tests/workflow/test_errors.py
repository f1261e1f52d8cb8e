"""What is wrong is said before any job, in words that help."""

import shutil

import pytest
import yaml


def refused(clone, *args):
    """What snakemake prints when it refuses, without having started a job."""
    printed = clone.run(*args, ok=False)
    assert not (clone / "logs").exists()
    assert "Traceback" not in printed
    return printed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(datset="x"), ["config.yaml", "'datset'", "'dataset'"]),
        (lambda c: c.update(seed="one"), ["config.yaml", "seed", "integer"]),
        (
            lambda c: c["runs"]["forest"].update(model="random_forrest"),
            ["runs.forest.model", "'random_forest'"],
        ),
        (
            lambda c: c["runs"]["forest"].update(features="sumary"),
            ["runs.forest.features", "'summary'"],
        ),
        (
            lambda c: c["runs"]["forest"]["parameters"].update(n_estimatrs=3),
            ["forest", "'n_estimatrs'", "'n_estimators'"],
        ),
    ],
    ids=["key", "type", "model", "features", "hyper-parameter"],
)
def test_a_wrong_config_stops_before_any_job(clone, change, words):
    clone.edit_config(change)
    printed = refused(clone)
    for word in words:
        assert word in printed


def test_a_wrong_path_stops_before_any_job(clone):
    clone.edit_config(lambda d: d.update(root="data/elsewhere"), "config/datasets/micro.yaml")
    printed = refused(clone)
    assert "data/elsewhere" in printed and "micro" in printed


def test_a_wrong_function_stops_before_any_job(clone):
    path = clone / "config/features.yaml"
    path.write_text(path.read_text() + "\nloud: {function: my_features.loudness}\n")
    clone.edit_config(lambda c: c["runs"]["forest"].update(features="loud"))
    assert "my_features" in refused(clone)


def test_a_class_that_is_too_small_is_named_with_what_fell_out(clone):
    for number in range(5):
        (clone / f"data/micro/tone/{number:02d}.wav").write_bytes(b"not audio at all")
    clone.edit_config(
        lambda c: c.update(splits={"folds": {"method": "stratified_kfold", "folds": 5}})
    )
    printed = clone.run(ok=False)
    assert "needs at least 5 tracks of every class" in printed
    assert "tone: 1 of 6 tracks count (5 not audio" in printed


def test_a_run_whose_data_is_missing_is_skipped_and_said(done):
    dataset = yaml.safe_load((done / "config/datasets/micro.yaml").read_text())
    (done / "config/datasets/absent.yaml").write_text(
        yaml.safe_dump(dataset | {"root": "data/absent"})
    )
    done.edit_config(
        lambda c: c["splits"].update(other={"method": "stratified", "dataset": "absent"})
    )
    done.run()
    runs = done.table("tables/runs.parquet")
    skipped = runs.filter(status="skipped")
    assert skipped["split"].to_list() == ["other"]
    assert "data/absent" in skipped["reason"][0]
    assert "data/absent" in (done.results / "report.html").read_text()


def test_a_removed_mount_stops_the_run_and_harms_nothing(done):
    shutil.move(done / "data/micro", done / "data/away")
    before = {p: p.stat().st_mtime_ns for p in (done / "results").rglob("*") if p.is_file()}
    printed = done.run(ok=False)
    assert "data/micro" in printed and "mount" in printed
    (done / "data/micro").mkdir()
    assert "accept_loss" in done.run(ok=False)
    after = {p: p.stat().st_mtime_ns for p in (done / "results").rglob("*") if p.is_file()}
    assert after == before
    (done / "data/micro").rmdir()
    shutil.move(done / "data/away", done / "data/micro")
    assert done.jobs() == {}


def test_most_tracks_may_go_when_the_user_says_so(done):
    for number in range(2, 6):
        (done / f"data/micro/tone/{number:02d}.wav").unlink()
        (done / f"data/micro/noise/{number:02d}.wav").unlink()
    (done / "data/micro/tracks.csv").unlink()
    (done / "config/datasets/micro.yaml").write_text("root: data/micro\n")
    done.edit_config(lambda c: c.update(splits={"half": {"method": "stratified", "test": 0.5}}))
    assert "accept_loss" in done.run(ok=False)
    assert "decode" not in done.jobs("--config", "accept_loss=True")
