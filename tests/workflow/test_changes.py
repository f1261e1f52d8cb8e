"""What is done again after a change: that, all of that, and nothing else."""

import shutil
import time

import pytest

from micro.audio import write_clip

WORK = ("decode", "extract", "augment", "split", "train", "describe", "report")

LOUDNESS = '''"""A feature set of the user's own."""

import numpy as np


def loudness(y, *, sr):
    """Mean and peak."""
    return {"mean": float(np.abs(y).mean()), "peak": float(np.abs(y).max())}
'''


@pytest.fixture
def two_runs(done):
    """The finished micro study with a second run, on a feature set of the user's own."""
    (done / "my_features.py").write_text(LOUDNESS)
    features = done / "config/features.yaml"
    features.write_text(features.read_text() + "\nloudness: {function: my_features.loudness}\n")
    done.edit_config(
        lambda c: c["runs"].update(loud={"model": "logistic_regression", "features": "loudness"})
    )
    done.run()
    return done


def counts(clone, *args):
    """How many jobs of each kind ran, and that nothing is left for a second run."""
    ran = clone.jobs(*args)
    assert clone.jobs() == {}
    return tuple(ran.get(rule, 0) for rule in WORK)


def test_the_table_of_changes(two_runs, capsys):
    clone, data, table = two_runs, two_runs / "data/micro", []

    def row(change, expected, also=()):
        ran = counts(clone)
        table.append((change, *ran))
        assert ran == expected, change

    row("none", (0, 0, 0, 0, 0, 0, 0))

    clone.edit_config(lambda c: c.update(batch_size=3, accept_loss=True))
    row("how files are handled", (0, 0, 0, 0, 0, 0, 0))
    clone.edit_config(lambda c: c.update(batch_size=4, accept_loss=False))

    for number in (20, 21, 22):
        write_clip(data, "tone", number)
    batches = set((clone / "results/datasets/micro/decoded").iterdir())
    row("3 files added", (1, 2, 0, 1, 2, 1, 1))
    (new,) = set((clone / "results/datasets/micro/decoded").iterdir()) - batches
    import polars as pl

    assert pl.read_parquet(new)["track_id"].to_list() == [f"tone/{n}.wav" for n in (20, 21, 22)]

    (data / "noise/00.wav").unlink()
    tracks = (data / "tracks.csv").read_text()
    (data / "tracks.csv").write_text(tracks.replace("noise/00.wav,noise artist 0\n", ""))
    row("1 removed", (0, 0, 0, 1, 2, 1, 1))

    clone.edit_config(lambda c: c["runs"]["forest"]["parameters"].update(n_estimators=21))
    row("a model's parameter changed", (0, 0, 0, 0, 1, 0, 1))

    header, *rows = (data / "tracks.csv").read_text().splitlines()
    labelled = [f"{header},label", *(f"{line}," for line in rows)]
    labelled[1] = labelled[1] + "tone"
    (data / "tracks.csv").write_text("\n".join(labelled) + "\n")
    row("a label corrected", (0, 0, 0, 1, 2, 1, 1))

    folder = clone / "results/datasets/micro/features/loudness/original"
    batches = len(list(folder.glob("*.parquet")))
    clone.edit_config(lambda c: c["runs"]["loud"].update(variants=["gain-6"]))
    row("a variant added to a run", (0, 0, batches, 0, 1, 0, 1))

    (clone / "my_features.py").write_text(
        LOUDNESS.replace("np.abs(y).max()", "np.abs(y).max() * 2")
    )
    row("a feature's code changed", (0, batches, batches, 0, 1, 0, 1))

    module = clone / "scripts/genreflow/variants/make.py"
    module.write_text(module.read_text() + "\n\ndef later():\n    return 1\n")
    row("the variants' code", (0, 0, batches, 0, 1, 0, 1))

    for module in (clone / "scripts/genreflow").rglob("*.py"):
        text = module.read_text().replace('"""', '"""Edited. ', 1)
        module.write_text(text + "\n# A comment.\n")
    for script in (clone / "scripts").glob("*.py"):
        script.write_text(script.read_text() + "\n# A comment.\n")
    row("comments and docstrings", (0, 0, 0, 0, 0, 0, 0))

    template = next((clone / "scripts/genreflow/report").glob("*.css"))
    template.write_text(template.read_text() + "\n/* wider */\nmain { max-width: 99rem; }\n")
    row("the report's template", (0, 0, 0, 0, 0, 0, 1))

    with capsys.disabled():
        print(f"\n{'change':30s}" + "".join(f"{name:>9s}" for name in WORK))
        for change, *ran in table:
            print(f"{change:30s}" + "".join(f"{n:9d}" for n in ran))


def test_a_dry_run_says_exactly_what_will_be_done(done):
    write_clip(done / "data/micro", "tone", 20)
    printed = done.run("--dry-run")
    said = {
        line.split()[0]: int(line.split()[1])
        for line in printed.splitlines()
        if len(line.split()) == 2 and line.split()[1].isdigit()
    }
    ran = done.jobs()
    assert {rule: said[rule] for rule in ran} == ran
    assert ran["decode"] == 1


def test_a_replaced_file_is_decoded_again(done):
    import soundfile as sf

    from micro.audio import clip

    sf.write(done / "data/micro/tone/00.wav", clip("tone", 99), 22050)
    assert done.jobs()["decode"] == 1
    track = done.tracks().filter(track_id="tone/00.wav")
    assert track.height == 1


@pytest.mark.parametrize("keep_audio", [True, False])
def test_a_file_that_is_gone_does_not_stop_a_new_feature_set(done, keep_audio):
    """Its batch still lists it, and the other tracks of the batch are decoded once more."""
    import soundfile as sf

    from micro.audio import clip

    if not keep_audio:
        done.edit_config(lambda c: c.update(keep_audio=False))
        done.run()
    (done / "data/micro/tone/05.wav").unlink()
    sf.write(done / "data/micro/noise/02.wav", clip("noise", 99), 22050)
    done.run()
    (done / "my_features.py").write_text(LOUDNESS)
    with (done / "config/features.yaml").open("a") as features:
        features.write("\nloudness: {function: my_features.loudness, rate: 16000}\n")
    done.edit_config(
        lambda c: c["runs"].update(loud={"model": "logistic_regression", "features": "loudness"})
    )
    done.run()
    loud, forest = (
        done.table(f"runs/{run}/fixed/predictions.parquet")["track_id"]
        for run in ("loud", "forest")
    )
    assert loud.unique().sort().equals(forest.unique().sort())
    assert "tone/05.wav" not in forest
    assert done.jobs() == {}


def test_a_second_shell_changes_nothing_of_a_run(clone):
    """Files come and other commands look while a run is going: it ends as if undisturbed."""
    process = clone.start(cores=1)
    decoded = clone / "results/datasets/micro/decoded"
    while not decoded.is_dir() and process.poll() is None:
        time.sleep(0.05)
    write_clip(clone / "data/micro", "tone", 20)
    for args in (("--dry-run",), ("--lint",), ("--summary",)):
        clone.run(*args)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    assert clone.table("splits/fixed.parquet").height == 12
    assert clone.jobs()["decode"] == 1
    assert clone.table("splits/fixed.parquet").height == 13


def test_results_that_are_gone_are_made_again(done):
    shutil.rmtree(done.results)
    assert done.jobs().get("decode", 0) == 0
    assert (done.results / "report.html").is_file()


def test_code_that_is_edited_during_a_run_stops_it(clone, finished):
    """Or results would be recorded as made by the code of before."""
    process = clone.start(cores=1)
    decoded = clone / "results/datasets/micro/decoded"
    while not decoded.is_dir() and process.poll() is None:
        time.sleep(0.05)
    module = clone / "scripts/genreflow/features/extract.py"
    code = module.read_text()
    module.write_text(code + "\n\ndef later():\n    return 1\n")
    printed, _ = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "the code of extract has been edited since this run started" in printed
    module.write_text(code)
    clone.run()
    features = "results/datasets/micro/features/summary/original"
    assert len(list((clone / features).iterdir())) == len(list((finished / features).iterdir()))
