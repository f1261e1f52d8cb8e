"""What is said of one file."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from badfiles import ODD_NAMES, RATE, cut, make_bad_files, music, patch, without_xing, write_music

from genreflow.audio.integrity import CHANGED
from genreflow.audio.settings import DecodeSettings
from genreflow.audio.track import Job, decode_track
from genreflow.errors import GenreflowError


def job(path, *, settings=None, tags=False) -> Job:
    found = Path(os.fsdecode(path))
    noted = found.stat() if found.exists() else found.lstat()
    return Job(
        "track",
        os.fsencode(path),
        noted.st_size,
        noted.st_mtime_ns,
        settings=settings or DecodeSettings(),
        tags=tags,
    )


def decode(path, **settings):
    return decode_track(job(path, settings=DecodeSettings(**settings)))


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory):
    return make_bad_files(tmp_path_factory.mktemp("bad"))


def test_every_bad_file_has_its_status_and_reason(bad_files):
    said = {name: decode(bad.path) for name, bad in bad_files.items()}
    wrong = {
        name: (track.status, track.reason)
        for name, track in said.items()
        if track.status != bad_files[name].status
        or bad_files[name].reason not in (track.reason or "")
    }
    assert not wrong
    assert all(track.digest is None for track in said.values() if track.status == "quarantined")
    assert all(len(track.reason) < 100 and track.reason.isprintable() for track in said.values())


def test_reasons_are_the_same_each_time(bad_files):
    for bad in bad_files.values():
        assert decode(bad.path) == decode(bad.path)


@pytest.mark.parametrize(
    "suffix", ["wav", "au", "aiff", "flac", "ogg", "opus", "mp3", "w64", "rf64"]
)
def test_whole_files_are_ok(tmp_path, suffix):
    track = decode(write_music(tmp_path / f"whole.{suffix}"))
    assert (track.status, track.reason) == ("ok", None)
    assert track.seconds == pytest.approx(3.0, abs=0.1)
    assert track.format.split()[0] in {suffix.upper(), "OGG"}


def test_real_files_are_ok(shared_data):
    found = [
        *sorted((shared_data / "gtzan100/genres").glob("*/*"))[::12],
        shared_data / "gtzan100/genres/blues/blues.00099.mp3",
        *sorted((shared_data / "librosa_examples").glob("*.ogg"))[::3],
    ]
    assert {path.name: decode(path).reason for path in found} == {p.name: None for p in found}


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(tmp_path, name):
    plain = write_music(tmp_path / "plain.wav")
    odd = os.fsencode(tmp_path) + b"/" + name
    shutil.copy(os.fsencode(plain), odd)
    assert decode(odd).digest == decode(plain).digest


def test_changed_since_listed(tmp_path):
    path = write_music(tmp_path / "a.wav")
    listed = job(path)
    os.utime(path, ns=(0, listed.mtime_ns + 1))
    assert decode_track(listed).reason == f"{CHANGED}: written anew"
    cut(path)
    assert decode_track(listed).reason == f"{CHANGED}: {listed.size} bytes then, 79406 now"
    path.unlink()
    assert decode_track(listed).reason == f"{CHANGED}: the file is gone"


def test_changed_while_it_is_decoded(tmp_path, monkeypatch):
    from genreflow.audio import track

    path = write_music(tmp_path / "a.wav")
    monkeypatch.setattr(track, "promised_frames", lambda p, s: os.utime(p, ns=(0, 0)))
    assert decode(path).reason == f"{CHANGED}: written anew"


def test_unreadable():
    """Under another user's id where this one may read everything."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        path = write_music(folder / "a.wav")
        path.chmod(0)
        listed, user = job(path), os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)
            assert decode_track(listed).reason == "cannot be opened: permission denied"
        finally:
            os.seteuid(user)
    finally:
        shutil.rmtree(folder)


def test_truncated_mp3_without_a_count_cannot_be_told(tmp_path):
    path = write_music(tmp_path / "a.mp3", 9.0)
    without_xing(path)
    cut(path)
    assert decode(path).status == "ok"


def test_truncated_mp3_behind_a_tag(tmp_path):
    path = write_music(tmp_path / "a.mp3")
    cut(path)
    tag = b"ID3\x04\0\0" + bytes([0, 0, 10, 100]) + b"\xff\xf3Info" + bytes(10 * 128 + 100 - 6)
    path.write_bytes(tag + path.read_bytes())
    assert "of 3.00 s" in decode(path).reason


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFF0, 0x7FFFF000])
def test_a_wav_from_a_pipe_is_whole(tmp_path, size):
    path = write_music(tmp_path / "a.wav")
    patch(path, 40, "<I", size)
    patch(path, 4, "<I", size)
    assert decode(path).status == "ok"


def test_an_au_from_a_pipe_is_whole(tmp_path):
    path = write_music(tmp_path / "a.au")
    patch(path, 8, ">I", 0xFFFFFFFF)
    assert decode(path).status == "ok"


def test_a_flac_from_a_pipe_is_whole_or_breaks_off(tmp_path):
    content = bytearray(write_music(tmp_path / "a.flac").read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path = tmp_path / "piped.flac"
    path.write_bytes(content)
    assert decode(path).status == "ok"
    assert decode(path, max_seconds=2.0).reason == "too long: it goes on, at most 2 s used"
    cut(path)
    assert decode(path).reason == "truncated: breaks off after 1.00 s"


def test_the_last_page_of_an_ogg_has_to_be_whole(tmp_path):
    path = write_music(tmp_path / "a.ogg")
    path.write_bytes(path.read_bytes()[:-1])
    assert decode(path).reason.startswith("truncated: breaks off")


def test_an_excerpt_is_judged_by_itself(tmp_path):
    path = write_music(tmp_path / "a.wav", 10.0)
    track = decode(path, offset=2.0, seconds=3.0)
    assert (track.status, track.seconds) == ("ok", 3.0)
    assert decode(path, offset=9.5).reason == "too short: 0.50 s, at least 1 s needed"
    assert decode(path, offset=9.0).status == "ok"
    assert decode(path, offset=8.0, seconds=3.0).seconds == 2.0
    assert "the excerpt begins at 11 s" in decode(path, offset=11.0).reason
    assert decode(path, max_seconds=9.0).reason == (
        "too long: 10 s by its header, at most 9 s used"
    )
    assert decode(path, max_seconds=9.0, seconds=5.0).status == "ok"
    assert decode(path, max_seconds=10.0).status == "ok"
    cut(path)
    assert decode(path, seconds=3.0).status == "ok"
    assert decode(path, offset=4.0, seconds=3.0).reason == "truncated: 2.00 s of 3.00 s"


def test_an_excerpt_before_the_break_is_whole(tmp_path):
    for suffix in ("flac", "ogg", "opus", "mp3"):
        path = write_music(tmp_path / f"a.{suffix}", 6.0)
        cut(path)
        assert decode(path, seconds=1.5).status == "ok", suffix


def test_offset_behind_the_end_of_every_format(tmp_path):
    for suffix in ("wav", "flac", "ogg", "opus", "mp3"):
        path = write_music(tmp_path / f"a.{suffix}")
        assert "begins at 9 s" in decode(path, offset=9.0).reason, suffix


def test_measures_of_a_known_signal(tmp_path):
    y = np.zeros((4 * RATE, 2), np.float32)
    y[:RATE] = (1.0, 0.5)
    y[RATE : 2 * RATE] = (-0.5, -0.5)
    sf.write(tmp_path / "a.wav", y, RATE, subtype="FLOAT")
    track = decode(tmp_path / "a.wav")
    assert track.status == "warning"
    assert track.reason == "clipped: 12.5% of the samples at full scale"
    assert (track.rate, track.channels, track.format) == (RATE, 2, "WAV FLOAT")
    assert (track.seconds, track.peak, track.clipped) == (4.0, 0.75, 0.125)
    assert track.silent == pytest.approx(0.5, abs=1e-4)
    assert track.mean_amplitude == (0.75 + 0.5) / 4
    assert track.rms == pytest.approx(np.sqrt((0.75**2 + 0.5**2) / 4), rel=1e-15)


def test_measures_against_numpy(tmp_path):
    sf.write(tmp_path / "a.wav", music(7.3, channels=3), RATE, subtype="FLOAT")
    track = decode(tmp_path / "a.wav")
    y = sf.read(tmp_path / "a.wav", dtype="float32")[0].mean(axis=1)
    assert track.peak == np.abs(y).max()
    assert track.rms == pytest.approx(np.sqrt(np.mean(y.astype(float) ** 2)), rel=1e-12)
    assert track.mean_amplitude == pytest.approx(np.abs(y.astype(float)).mean(), rel=1e-12)


def test_the_digest_is_that_of_the_samples(tmp_path):
    """Of the same samples in another container, and not of others."""
    import hashlib

    wav, flac = write_music(tmp_path / "a.wav", 2.5), tmp_path / "a.flac"
    sf.write(flac, sf.read(wav, dtype="int16")[0], RATE)
    y = sf.read(wav, dtype="float32")[0]
    expected = hashlib.blake2b(y.tobytes(), digest_size=16).hexdigest()
    assert decode(wav).digest == decode(flac).digest == expected
    part = decode(wav, offset=0.5, seconds=1.5)
    sf.write(tmp_path / "part.wav", y[RATE // 2 : 2 * RATE], RATE)
    assert part.digest == decode(tmp_path / "part.wav").digest != expected
    other = write_music(tmp_path / "b.wav", 2.5, seed=1)
    assert decode(other).digest != expected


def test_settings_that_refuse_everything_are_a_mistake():
    with pytest.raises(GenreflowError, match="every file would be refused"):
        DecodeSettings(seconds=0.5)
    with pytest.raises(GenreflowError, match="every file would be refused"):
        DecodeSettings(max_seconds=20.0, seconds=30.0)


TAGGED = {
    "mp3": {"genre": ["Rock"], "artist": ["The <b>Band</b>"], "title": ["Song"]},
    "flac": {"genre": ["Rock", "Pop", "Rock"], "artist": ["A", "B"], "title": ["Song\nTwo"]},
    "ogg": {"genre": [" Jazz "], "artist": ["Ä"], "title": [""]},
    "opus": {"genre": ["Jazz"], "artist": ["C"], "title": ["D"]},
}


@pytest.mark.parametrize("suffix", TAGGED)
def test_tags(tmp_path, suffix):
    import mutagen

    path = write_music(tmp_path / f"a.{suffix}")
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file.update(TAGGED[suffix])
    file.save()
    track = decode_track(job(path, tags=True))
    expected = {
        "mp3": (["Rock"], "The <b>Band</b>", "Song"),
        "flac": (["Rock", "Pop"], "A; B", "Song Two"),
        "ogg": (["Jazz"], "Ä", None),
        "opus": (["Jazz"], "C", "D"),
    }[suffix]
    assert (track.tag_labels, track.tag_artist, track.tag_title) == expected
    assert track.status == "ok"
    assert decode_track(job(path)).tag_labels is None


@pytest.mark.parametrize("suffix", ["wav", "aiff"])
def test_tags_of_uncompressed_files(tmp_path, suffix):
    import mutagen
    from mutagen.id3 import TCON, TIT2, TPE1

    path = write_music(tmp_path / f"a.{suffix}")
    file = mutagen.File(path)
    file.add_tags()
    for frame in (TCON(text="(17)"), TPE1(text="Artist"), TIT2(text="Title")):
        file.tags.add(frame)
    file.save()
    track = decode_track(job(path, tags=True))
    assert (track.tag_labels, track.tag_artist, track.tag_title) == (["Rock"], "Artist", "Title")
    assert track.status == "ok"


def test_tags_that_cannot_be_read_do_no_harm(tmp_path, monkeypatch):
    import mutagen

    path = write_music(tmp_path / "a.mp3")

    def fail(*args, **kwargs):
        raise ValueError("damaged")

    monkeypatch.setattr(mutagen, "File", fail)
    track = decode_track(job(path, tags=True))
    assert (track.status, track.tag_labels) == ("ok", None)
