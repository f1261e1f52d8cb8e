"""Other programs that describe audio, as far as they are installed (see requirements.txt).

They give other numbers than genreflow: the times say what a description of the same clip costs.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from clips import RATE

Way = Callable[[Path], object]


def describing() -> dict[str, Way]:
    """Ways to describe a file, by name."""
    return _essentia_describing() | _opensmile_describing()


def loading() -> dict[str, Way]:
    """Ways to load a file as mono of 22,050 Hz, by name."""
    if not find_spec("essentia"):
        return {}
    standard = _essentia()

    return {
        "essentia MonoLoader": lambda path: standard.MonoLoader(
            filename=str(path), sampleRate=RATE
        )()
    }


def _essentia():
    import essentia
    import essentia.standard

    essentia.log.infoActive = essentia.log.warningActive = False
    return essentia.standard


def _essentia_describing() -> dict[str, Way]:
    if not find_spec("essentia"):
        return {}
    standard = _essentia()
    low_level = standard.LowLevelSpectralExtractor(sampleRate=RATE)
    everything = standard.MusicExtractor()
    return {
        "essentia LowLevelSpectralExtractor": lambda path: low_level(
            standard.MonoLoader(filename=str(path), sampleRate=RATE)()
        ),
        "essentia MusicExtractor": lambda path: everything(str(path)),
    }


def _opensmile_describing() -> dict[str, Way]:
    if not find_spec("opensmile"):
        return {}
    import opensmile

    def describe_by(features: opensmile.FeatureSet) -> Way:
        smile = opensmile.Smile(features, opensmile.FeatureLevel.Functionals)
        return smile.process_file

    return {
        "openSMILE eGeMAPS": describe_by(opensmile.FeatureSet.eGeMAPSv02),
        "openSMILE ComParE": describe_by(opensmile.FeatureSet.ComParE_2016),
    }
