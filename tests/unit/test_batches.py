"""Batches that are read from files: what is in them, in which order, and how much of it at once."""

import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from network_fixtures import WAVES, mel, network, waves

from genreflow.features.inputs import Inputs
from genreflow.models.arrays import Form
from genreflow.models.batches import Reader, read_ahead

CPU = torch.device("cpu")


def reader(inputs, *, threads=0, window=None, standardize=False, length=None):
    form = Form.of(inputs, length=length, window=window, standardize=standardize)
    return Reader(inputs, form, CPU, windowed=window is not None, threads=threads)


def in_order(source, size=4):
    """All that a source gives, for each feature set."""
    batches = list(source.in_order(size))
    assert {len(x[0]) for x in batches[:-1]} <= {size}
    return [torch.cat(x).numpy() for x in zip(*batches, strict=True)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int32", ">f4"])
@pytest.mark.parametrize("threads", [0, 3])
def test_arrays_are_cut_and_filled_up_to_the_length(dtype, threads):
    arrays = [np.clip(array, 0, 200).astype(dtype) for array in mel(10)[0]]
    found = in_order(reader(Inputs({"mel": arrays}), threads=threads, length=22))[0]
    expected = np.zeros((10, 6, 22), dtype=np.float32)
    for to, array in zip(expected, arrays, strict=True):
        width = min(22, array.shape[1])
        to[:, :width] = array[:, :width]
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)


def test_rows_of_different_types_are_the_same_numbers():
    arrays = mel(6, dtype=np.float16)[0]
    mixed = [
        array.astype([np.float16, np.float32, np.float64][i % 3]) for i, array in enumerate(arrays)
    ]
    one, other = (in_order(reader(Inputs({"mel": own})))[0] for own in (arrays, mixed))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("standardize", [True, False])
def test_what_is_filled_up_is_zero_after_standardising(standardize):
    arrays = mel(10)[0]
    found = in_order(reader(Inputs({"mel": arrays}), standardize=standardize))[0]
    for row, array in zip(found, arrays, strict=True):
        assert np.all(row[:, array.shape[1] :] == 0)
        assert np.all(row[:, : array.shape[1]] != 0)


def test_chosen_rows_come_as_they_are_asked_for():
    inputs = Inputs({"mel": mel(9)[0], "waveform": waves(9)})
    batches = [torch.tensor([3, 0, 8]), torch.tensor([1, 7])]
    source = reader(inputs)
    everything = in_order(source)
    found = list(source.chosen(batches, np.random.default_rng(0)))
    for rows, x in zip(batches, found, strict=True):
        for one, whole in zip(x, everything, strict=True):
            assert np.array_equal(one, whole[rows])


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 20))
def test_windows_cover_every_sample_and_end_with_the_array(lengths, window):
    arrays = [np.arange(1, length + 1, dtype=np.float32) for length in lengths]
    source = reader(Inputs({"waveform": arrays}), window=window)
    found = np.split(in_order(source)[0], np.cumsum(source.windows)[:-1])
    for length, windows in zip(lengths, found, strict=True):
        assert len(windows) == max(1, -(-length // window))
        assert set(windows.ravel()) - {0} == set(range(1, length + 1))
        assert windows.max() == length
        if length >= window:
            assert windows[-1][-1] == length
            assert (np.diff(windows) == 1).all(), "a window is a stretch of the array"


def test_a_training_reads_one_window_of_each_row_anywhere_in_it():
    starts = [np.arange(200, dtype=np.float32)] * 300
    source = reader(Inputs({"waveform": starts}), window=40)
    rows = [torch.arange(300)]
    first, again, other = (
        next(source.chosen(rows, np.random.default_rng(seed)))[0] for seed in (1, 1, 2)
    )
    assert first.shape == (300, 40)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first.diff(dim=1) == 1).all()
    assert first.min() <= 3, "the beginning is never read"
    assert first.max() >= 196, "the end is never read"
    assert first.mean().item() == pytest.approx(99.5, abs=10)


def test_a_short_row_is_one_window_filled_up():
    found = in_order(reader(Inputs({"waveform": [np.ones(3), np.ones(8)]}), window=5))[0]
    assert found.tolist() == [[1, 1, 1, 0, 0], [1] * 5, [1] * 5]


def test_what_is_read_ahead_keeps_its_order_and_is_bounded():
    made, taken, most = [], 0, 0
    lock = threading.Lock()

    def make(item):
        nonlocal most
        time.sleep(0.002 * (item % 3))
        with lock:
            made.append(item)
            most = max(most, len(made) - taken)
        return item

    for item in read_ahead(make, range(30), 2):
        assert item == taken
        taken += 1
        time.sleep(0.003)
    assert taken == 30
    assert 1 < most <= 5, "one in use, and two more than there are threads"


def test_nothing_is_made_when_no_thread_reads_ahead():
    made = []
    ahead = read_ahead(lambda item: made.append(item) or item, range(5), 0)
    assert next(ahead) == 0
    assert made == [0]


def test_an_error_comes_where_its_batch_would_and_threads_end():
    def fail(item):
        if item == 3:
            raise OSError("the file is gone")
        return item

    before = threading.active_count()
    found = []
    with pytest.raises(OSError, match="the file is gone"):
        found.extend(read_ahead(fail, range(9), 2))
    assert threading.active_count() == before
    ahead = read_ahead(abs, range(100), 2)
    next(ahead)
    ahead.close()
    assert threading.active_count() == before


def test_the_time_that_is_waited_is_told():
    class Slow(list):
        def __getitem__(self, number):
            time.sleep(0.01)
            return super().__getitem__(number)

    arrays = mel(6)[0]
    source = reader(Inputs({"mel": Slow(arrays)}), standardize=False)
    begun = source.waited
    in_order(source)
    assert source.waited - begun >= 0.06
    made = network(epochs=1, standardize=False).fit(Inputs({"mel": Slow(arrays)}), np.arange(6) % 2)
    assert 0.06 <= made.history_[0]["seconds_loading"] <= made.history_[0]["seconds"]


class Mapped:
    """Arrays in one file, which is mapped."""

    def __init__(self, path, n):
        self._file = np.lib.format.open_memmap(
            path, mode="w+", dtype=np.float16, shape=(n, 64, 4000)
        )
        self._file[:, 0, 0] = np.arange(n) % 3

    def __len__(self):
        return len(self._file)

    def __getitem__(self, number):
        return np.asarray(self._file[number])


def own_memory():
    """Bytes of this process that are in no file."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))
    return 1024 * int(kilobytes)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux alone")
def test_memory_does_not_grow_with_the_rows(tmp_path):
    # What torch and its threads keep for themselves, they have after some rows.
    n, few = 800, np.arange(100)
    inputs = Inputs({"mel": Mapped(tmp_path / "mel.npy", n)})
    size = n * 64 * 4000 * 2

    def most_memory(rows):
        found = []
        for _ in reader(rows, threads=2).in_order(8):
            found.append(own_memory())
        made = network(epochs=1).fit(rows, np.arange(len(rows)) % 3)
        found.append(own_memory())
        made.predict(rows)
        return max(*found, own_memory())

    least = most_memory(inputs[few])
    assert size > 400e6
    # Allocators keep some of what is given back; all rows as float32 would be twice the size.
    assert most_memory(inputs) - least < size / 2


def test_few_batches_are_held_at_a_time(monkeypatch):
    held, most, fill = weakref.WeakSet(), 0, Reader._fill

    def watch(self, places):
        nonlocal most
        filled = fill(self, places)
        held.add(filled[0][0])
        most = max(most, len(held))
        return filled

    monkeypatch.setattr(Reader, "_fill", watch)
    monkeypatch.setattr("genreflow.models.base_network.reading_threads", lambda *_: 2)
    arrays, y = mel(120)
    made = network(epochs=2, batch_size=2).fit(Inputs({"mel": arrays}), y)
    made.predict(Inputs({"mel": arrays}))
    assert 1 < most <= 6


def test_predictions_follow_neither_the_size_of_batches_nor_reading_ahead(monkeypatch):
    arrays, y = mel(13)
    inputs = Inputs({"mel": arrays})
    for extra, rows in (({}, inputs), ({"window": 20}, WAVES[:13])):
        made = network(**extra).fit(rows, y)
        expected = made.predict_proba(rows)
        for size in (1, 5, 100):
            made.set_params(batch_size=size)
            np.testing.assert_allclose(made.predict_proba(rows), expected, atol=1e-6)
        made.set_params(batch_size=8)
        with monkeypatch.context() as patched:
            patched.setattr("genreflow.models.base_network.reading_threads", lambda *_: 3)
            ahead = network(**extra).fit(rows, y)
            assert np.array_equal(ahead.predict_proba(rows), expected)
