"""Which part of a file is wanted, and whether it is there."""

from dataclasses import dataclass

import soundfile as sf

from genreflow.audio.integrity import UNKNOWN_FRAMES, Refused
from genreflow.audio.settings import DecodeSettings

# Less than this is not called missing: a Xing header counts an mp3's frames roughly.
_ROUGH_SHARE = 0.01
_ROUGH_SECONDS = 0.01


@dataclass(frozen=True)
class Excerpt:
    """The part of a file that is wanted, in frames at the file's own rate.

    Attributes
    ----------
    rate : int > 0 [Hz]
    start : int >= 0
    frames : int > 0
        how many to read; without a given length one more than is allowed, to see whether it is
    expected : int > 0 or None
        how many there should be; None where nothing says so
    roughly : bool
        whether that number is rough
    """

    rate: int
    start: int
    frames: int
    expected: int | None
    roughly: bool

    @classmethod
    def of(cls, sound: sf.SoundFile, promised: int | None, settings: DecodeSettings) -> "Excerpt":
        """The excerpt of a file as the settings want it, judged by the file's header.

        Parameters
        ----------
        sound : soundfile.SoundFile
        promised : int >= 0 or None
            number of frames that the whole file should have
        settings : DecodeSettings

        Raises
        ------
        Refused
            where the header promises nothing, too little, or too much
        """
        rate = sound.samplerate
        start = int(settings.offset * rate)
        _refuse_short(promised, sound, settings)
        rest = None if promised is None else promised - start
        if settings.seconds is not None:
            asked = int(settings.seconds * rate)
            frames, expected = asked, None if rest is None else min(rest, asked)
        else:
            frames, expected = int(settings.max_seconds * rate) + 1, rest
            if rest is not None and rest >= frames:
                raise _too_long(f"{rest / rate:.0f} s by its header", settings)
        return cls(rate, start, frames, expected, roughly=sound.format == "MP3")

    def judge(self, found: int, *, ended: bool, settings: DecodeSettings) -> str | None:
        """Warning where the excerpt is truncated, after it has been decoded.

        Parameters
        ----------
        found : int >= 0
            number of frames that were decoded
        ended : bool
            whether the file ends as it should; says something only where nothing is expected
        settings : DecodeSettings

        Raises
        ------
        Refused
            where it is too short or too long
        """
        if settings.seconds is None and found == self.frames:
            raise _too_long("it goes on", settings)
        truncated = self._truncated(found, ended)
        if found == 0:
            raise Refused(f"no samples ({truncated})" if truncated else "no samples")
        if found < int(settings.min_seconds * self.rate):
            reason = truncated or f"too short: {found / self.rate:.2f} s"
            raise Refused(f"{reason}, at least {settings.min_seconds:g} s needed")
        return truncated

    def _truncated(self, found: int, ended: bool) -> str | None:
        seconds = f"{found / self.rate:.2f} s"
        if self.expected is None:
            whole = ended or found == self.frames
            return None if whole else f"truncated: breaks off after {seconds}"
        allowed = _ROUGH_SECONDS * self.rate
        if self.roughly:
            allowed = max(allowed, _ROUGH_SHARE * self.expected)
        if self.expected - found <= allowed:
            return None
        return f"truncated: {seconds} of {self.expected / self.rate:.2f} s"


def _refuse_short(promised: int | None, sound: sf.SoundFile, settings: DecodeSettings) -> None:
    frames = sound.frames if promised is None else promised
    if frames == 0:
        raise Refused("no samples")
    seconds = frames / sound.samplerate
    if frames != UNKNOWN_FRAMES and int(settings.offset * sound.samplerate) >= frames:
        raise Refused(
            f"too short: {seconds:.2f} s, and the excerpt begins at {settings.offset:g} s"
        )


def _too_long(length: str, settings: DecodeSettings) -> Refused:
    return Refused(f"too long: {length}, at most {settings.max_seconds:g} s used")
