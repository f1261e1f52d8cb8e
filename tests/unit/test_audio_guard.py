"""Worker processes: what becomes of items that crash, hang, or need too much."""

import pickle
import resource
import sys
import time
from pathlib import Path

import hazards
import pytest

from genreflow.audio.guard import Failed, Limits, guarded
from genreflow.audio.track import decode_track

LIMITS = Limits(seconds=1.5, memory_mb=500)


def run(items, function=hazards.act, *, workers=2, limits=LIMITS):
    return list(guarded(function, items, workers=workers, limits=limits))


@pytest.mark.parametrize("workers", [1, 3])
def test_a_failure_is_that_of_its_item(workers):
    items = ["a", "abort", "b", "hang", "c", "allocate", "raise", "d", "exit", "e"]
    assert run(items, workers=workers) == [
        ("a", "A"),
        ("abort", Failed("the decoder crashed")),
        ("b", "B"),
        ("hang", Failed("took longer than 1.5 s")),
        ("c", "C"),
        ("allocate", Failed("needed more than 500 MB of memory")),
        ("raise", Failed("ValueError: two lines")),
        ("d", "D"),
        ("exit", Failed("the decoder crashed")),
        ("e", "E"),
    ]


def test_many_crashes_blame_no_neighbour():
    items = [("abort" if number % 3 == 0 else f"item{number}") for number in range(45)]
    crashed = Failed("the decoder crashed")
    expected = [(item, crashed if item == "abort" else item.upper()) for item in items]
    assert run(items, workers=4) == expected


def test_what_an_item_leaves_behind_is_not_blamed_on_the_next():
    assert run(["poison", "b", "c"], hazards.poison, workers=1) == [
        ("poison", "poison"),
        ("b", "b"),
        ("c", "c"),
    ]


def test_results_come_in_order():
    items = ["sleep", "a", "b", "c", "sleep", "d"]
    assert [item for item, _ in run(items)] == items


def test_items_are_taken_as_they_are_needed():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield str(number)

    results = guarded(hazards.act, items(), workers=2, limits=LIMITS)
    assert next(results) == ("0", "0")
    assert len(taken) < 20
    results.close()


def test_stopping_early_ends_the_workers():
    start = time.monotonic()
    results = guarded(hazards.act, ["a", "hang", "hang"], workers=2, limits=Limits(60, 500))
    assert next(iter(results)) == ("a", "A")
    results.close()
    assert time.monotonic() - start < 20


def test_the_warnings_of_a_decoder_do_not_reach_the_terminal(tmp_path, capfd):
    from badfiles import cut, write_music
    from test_audio_track import job

    path = write_music(tmp_path / "a.mp3")
    cut(path)
    assert run([job(path)], decode_track)[0][1].status == "warning"
    assert capfd.readouterr().err == ""


def test_workers_import_only_what_they_need():
    ((_, found),) = run([None], hazards.modules)
    heavy = {
        "polars",
        "scipy",
        "sklearn",
        "librosa",
        "mutagen",
        "snakemake",
        "pytest",
        "matplotlib",
    }
    assert not heavy & set(found)
    assert {"numpy", "soundfile", "soxr"} <= set(found)


def test_the_limits_are_those_of_the_workers_alone():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    run(["a"])
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_nothing_to_do():
    assert run([]) == []


def test_a_function_that_workers_cannot_import(monkeypatch):
    with pytest.raises((AttributeError, pickle.PicklingError)):
        run(["a"], lambda item: item)
    monkeypatch.setattr(
        "sys.path", [p for p in sys.path if p != str(Path(hazards.__file__).parent)]
    )
    with pytest.raises(RuntimeError, match="could not be started"):
        run(["a"])
