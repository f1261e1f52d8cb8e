import csv
import io
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile as sf

from genreflow.datasets import Dataset
from genreflow.datasets.demo import corpus, instruments, make_corpus
from genreflow.datasets.demo.artists import ROSTER, artists
from genreflow.datasets.demo.genres import energy
from genreflow.datasets.demo.rhythm import Tape
from genreflow.datasets.labels import read_sheet
from genreflow.schema import SHIPPED, read_part

SHELF = {item.path: item for item in corpus.items()}
GOOD = [item for item in SHELF.values() if Path(item.path).stem.isdigit()]


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """The corpus with two good clips per genre."""
    root = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "CLIPS", 2)
        make_corpus(root, workers=2)
    return root


def read_table(root: Path) -> list[dict]:
    with (root / "tracks.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def samples(path: str) -> tuple[np.ndarray, int]:
    return sf.read(io.BytesIO(corpus.content(SHELF[path])[0]))


def test_size_of_the_corpus():
    for genre in ROSTER:
        clips = [item for item in GOOD if item.label == genre]
        played = [corpus.player(item.genre, item.number).name for item in clips]
        assert len(clips) == 24
        assert {played.count(name) for name in played} == {4}
        assert len({corpus.title(genre, item.number) for item in clips}) == 24
    assert len(ROSTER) == 6
    names = [name for roster in ROSTER.values() for name in roster]
    assert len(set(names)) == 36


def test_table_lists_all_files(small):
    rows = read_table(small)
    files = {p.relative_to(small).as_posix() for p in small.rglob("*.*") if p.is_file()}
    assert {r["path"] for r in rows} == files - {"tracks.csv"}
    assert [r["path"] for r in rows] == sorted(r["path"] for r in rows)
    assert all(r["artist"] and r["title"] for r in rows)
    assert {r["bpm"] for r in rows if r["label"] == "ambient"} == {""}
    beats = [float(r["bpm"]) for r in rows if r["path"].endswith("001.wav") and r["bpm"]]
    assert len(beats) == 5 and min(beats) > 80 and max(beats) < 220
    assert list(rows[0]) == ["path", "label", "artist", "title", "bpm", "loudness", "energy"]
    for row in rows:
        item = SHELF[row["path"]]
        heard = item.flaw in (None, "truncated", "clipped")
        assert bool(row["energy"]) == heard
        assert bool(row["bpm"]) == (heard and item.genre != "ambient")
        assert bool(row["loudness"]) == (heard and item.flaw != "clipped")


def test_the_numbers_of_the_table_are_what_the_shipped_dataset_predicts(small):
    settings = read_part("dataset", "demo", "test", SHIPPED) | {"root": str(small)}
    dataset = Dataset.from_config("demo", settings, lists_folder=None)
    assert dataset.targets == ("tempo", "loudness", "energy")
    found = {row["path"]: row for row in read_table(small)}
    facts = read_sheet(dataset).facts
    assert facts["punk/001.wav"].targets == {
        "tempo": float(found["punk/001.wav"]["bpm"]),
        "loudness": float(found["punk/001.wav"]["loudness"]),
        "energy": float(found["punk/001.wav"]["energy"]),
    }
    assert facts["ambient/001.wav"].targets["tempo"] is None


@pytest.mark.parametrize("genre", ROSTER)
def test_loudness_is_the_level_of_what_is_heard(genre):
    for number in (0, 2):
        y, known = corpus.clip(genre, number)
        assert -23 <= known.loudness <= -14
        assert 20 * np.log10(np.sqrt(np.mean(y**2))) == pytest.approx(known.loudness, abs=0.6)


def test_energy_is_more_the_faster_the_denser_and_the_more_distorted_a_band_plays():
    sound = artists("punk")[0].traits

    def heard(bpm, *patterns, drive=0.0):
        tape = Tape(np.random.default_rng(0), bpm)
        for pattern in patterns:
            tape.loop(pattern, np.ones(10), 1.0)
        return energy(replace(sound, drive=drive), tape)

    assert heard(None) == 0
    assert heard(60) == 0 and heard(210, drive=1.0) == pytest.approx(2 / 3)
    assert 0 < heard(100, "X...") < heard(100, "X.X.") < heard(100, "X.X.", "XXXX XXXX")
    assert heard(100, "X...") < heard(150, "X...") < heard(150, "X...", drive=0.5)
    assert heard(300, *["XXXX XXXX XXXX XXXX"] * 4, drive=1.0) == 1


def test_energy_is_that_of_the_genre_and_of_the_clip():
    energies = {g: [corpus.clip(g, n)[1].energy for n in (1, 2, 3)] for g in ROSTER}
    assert max(energies["ambient"]) < min(energies["punk"])
    assert all(0 <= e <= 1 for of in energies.values() for e in of)
    assert min(len(set(of)) for of in energies.values()) > 1


def test_clips_are_ten_seconds_of_sound(small):
    for genre in ROSTER:
        y, rate = sf.read(small / genre / "001.wav")
        assert (rate, y.shape) == (22_050, (220_500,))
        assert np.abs(y).max() < 0.96
        assert 0.01 < np.sqrt(np.mean(y**2)) < 0.4
        assert sf.info(small / genre / "001.wav").subtype == "PCM_16"


def test_other_formats():
    formats = set()
    for genre, (suffix, rate, channels) in corpus.OTHER_FORMATS.items():
        data, _ = corpus.content(SHELF[f"{genre}/005{suffix}"])
        with sf.SoundFile(io.BytesIO(data)) as file:
            assert (file.samplerate, file.channels) == (rate, channels)
            assert file.frames / rate == pytest.approx(10, abs=0.1)
            formats.add(file.format)
    assert formats == {"WAV", "FLAC", "MP3"}


def test_sides_of_stereo_differ_and_their_mean_is_the_clip():
    y, rate = samples("blues/005.wav")
    assert rate == 44_100
    assert np.abs(y[:, 0] - y[:, 1]).max() > 0.01
    mono, _ = corpus.clip("blues", 5)
    assert np.abs(y.mean(axis=1)[::2] - mono).max() < 0.05


def test_flaws(small):
    def data(path: str) -> bytes:
        return (small / path).read_bytes()

    assert data("house/copy of 007.wav") == corpus.content(SHELF["house/007.wav"])[0]
    assert data("house/twelve inch.wav") == data("disco/twelve inch.wav")
    assert SHELF["house/twelve inch.wav"].label != SHELF["disco/twelve inch.wav"].label

    with pytest.raises(sf.LibsndfileError):
        sf.info(small / "country/broken.wav")

    truncated = data("blues/truncated.wav")
    assert int.from_bytes(truncated[4:8], "little") + 8 > 2 * len(truncated)
    assert sf.info(small / "blues/truncated.wav").duration == pytest.approx(4, abs=0.01)

    silent, rate = sf.read(small / "ambient/silent.wav")
    assert silent.size == 10 * rate and not silent.any()
    assert sf.info(small / "disco/short.wav").duration == pytest.approx(0.3)
    clipped, _ = sf.read(small / "punk/clipped.wav")
    assert np.mean(np.abs(clipped) > 0.9999) > 0.05


def test_good_clips_are_all_different(small):
    paths = [small / item.path for item in GOOD if (small / item.path).exists()]
    assert len({p.read_bytes() for p in paths}) == len(paths) == 12


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_are_as_many_as_asked_for(tmp_path, monkeypatch, workers):
    asked = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers):
            asked.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(corpus, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(corpus, "items", lambda: [SHELF["ambient/silent.wav"]])
    make_corpus(tmp_path, workers=workers)
    assert asked == [workers]


def test_same_bytes_whatever_the_workers(small, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "CLIPS", 2)
    make_corpus(tmp_path)
    files = sorted(p.relative_to(small) for p in small.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    for file in files:
        assert (small / file).read_bytes() == (tmp_path / file).read_bytes()


def test_same_bytes_in_another_order():
    chosen = [SHELF[p] for p in ("punk/013.wav", "country/005.mp3", "disco/022.wav")]
    here = [corpus.content(item) for item in reversed(chosen)]
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(corpus.content, chosen)) == here[::-1]


def test_second_time_writes_what_is_missing_or_changed_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "CLIPS", 1)
    monkeypatch.setattr(corpus, "_flawed", lambda: [])
    make_corpus(tmp_path)
    kept, changed, missing = (tmp_path / g / "000.wav" for g in ("ambient", "blues", "punk"))
    mine = tmp_path / "blues" / "mine.wav"
    original = changed.read_bytes()
    mine.write_bytes(b"mine")
    changed.write_bytes(original[:-2])
    missing.unlink()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*") if p not in (changed, missing)}
    make_corpus(tmp_path)
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert kept in before and tmp_path / "tracks.csv" in before
    assert changed.read_bytes() == original
    assert missing.is_file()
    assert mine.read_bytes() == b"mine"
    assert not list(tmp_path.rglob("*.partial"))


def test_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        corpus.write(tmp_path / "a.wav", b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("genre", ["blues", "country", "house", "punk"])
def test_tempo_is_the_one_that_is_heard(genre):
    for number in (1, 4):
        y, known = corpus.clip(genre, number)
        heard = librosa.feature.tempo(y=y, sr=22_050)[0]
        octaves = np.log2(heard / known.bpm)
        assert abs(octaves - round(octaves)) < 0.06


@pytest.mark.parametrize("genre", ["blues", "house", "punk"])
def test_artists_differ_in_sound(genre):
    """The spectra of an artist's clips are nearer to each other than to other artists'."""
    spectra = []
    for number in range(12):
        y, _ = corpus.clip(genre, number)
        mel = librosa.feature.melspectrogram(y=y, sr=22_050, n_mels=40)
        spectra.append(librosa.power_to_db(mel).mean(axis=1))
    apart = {(a, b): np.abs(spectra[a] - spectra[b]).mean() for a in range(12) for b in range(a)}
    same = np.mean([d for (a, b), d in apart.items() if a - b == 6])
    others = np.mean([d for (a, b), d in apart.items() if a - b != 6])
    assert others > 1.25 * same


def test_artists_of_a_genre_lie_on_different_levels():
    for genre in ROSTER:
        tilt = sorted(artist.traits.tilt for artist in artists(genre))
        assert [int(6 * t) for t in tilt] == list(range(6))
        assert artists(genre) == artists(genre)


@pytest.mark.parametrize("frequency", [82.4, 220.0, 523.3])
def test_plucked_string_is_in_tune(frequency):
    y = instruments.pluck(np.random.default_rng(0), frequency, 2.0)
    spectrum = np.abs(np.fft.rfft(y * np.hanning(y.size), 4 * y.size))
    near = np.arange(int(6 * frequency), int(10 * frequency))
    assert near[np.argmax(spectrum[near])] / 8 == pytest.approx(frequency, rel=0.003)
    assert np.abs(y[-2000:]).max() < 0.5 * np.abs(y[:2000]).max()


@pytest.mark.parametrize("frequency", [55.0, 1000.0, 4000.0])
def test_oscillator_keeps_below_half_the_rate(frequency):
    y = instruments.oscillate(frequency, 22_050, falloff=1.0)
    spectrum = np.abs(np.fft.rfft(y * np.hanning(y.size)))
    assert np.argmax(spectrum) == pytest.approx(frequency, abs=1)
    harmonic = np.abs(np.arange(spectrum.size) / frequency % 1 - 0.5) > 0.5 - 3 / frequency
    assert spectrum[~harmonic].max() < 0.02 * spectrum.max()


def test_tape_plays_in_time_and_keeps_what_is_within():
    tape = Tape(np.random.default_rng(0), 120, looseness=0)
    times = np.array([hit.time for hit in tape.hits("X... X... X... X...")])
    assert np.diff(times) == pytest.approx(0.5)
    assert times[0] <= 0 and times[-1] >= 9.5
    tape.record(np.ones(100), -50 / 22_050, 1.0)
    tape.record(np.ones(100), 10 - 50 / 22_050, 1.0)
    tape.record(np.ones(100), -1.0, 1.0)
    tape.record(np.ones(100), 11.0, 1.0)
    assert tape.samples.sum() == 100
    assert tape.samples[:50].all() and tape.samples[-50:].all()


def test_swing_delays_eighths_but_no_beats():
    tape = Tape(np.random.default_rng(0), 120, swing=1 / 3, looseness=0)
    eighths = [hit.time for hit in tape.hits("xxxxxxxx")]
    beats = [hit.time for hit in tape.hits("xxxx")]
    assert eighths[::2][: len(beats)] == pytest.approx(beats)
    assert eighths[1] - eighths[0] == pytest.approx(0.5 * 2 / 3)
