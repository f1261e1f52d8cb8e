"""Who plays, and how it sounds.

As in real collections, an artist is easier to know again than a genre: the room, the amplifier and
the tape are on all of its recordings. So a model that has heard an artist in training is flattered
by the artist's other tracks, which is what a split by artist shows.
"""

from dataclasses import asdict, dataclass, fields

import numpy as np

SEED = 20_090_630

# Standard deviation of an artist's clips, on the scale of the traits: players are free, the studio
# is much the same. With less, artists are known again too easily; with more, they have no sound of
# their own (benchmarks/demo.py measures it).
FREEDOM = 0.40
STUDIO = 0.27
DESK = {"tilt", "treble", "body", "room", "hiss", "level"}

ROSTER = {
    "ambient": (
        "Halden Fjord",
        "Slow Cartography",
        "Mira Oksanen",
        "The Tidal Archive",
        "Lumière Froide",
        "Paper Satellites",
    ),
    "blues": (
        "Otis Brackwater",
        "Lady Mae Tolliver",
        "The Rust Street Trio",
        "Blind Eddie Crane",
        "Delta Ferry",
        "Big Joe Marlow",
    ),
    "country": (
        "June Hollister",
        "The Prairie Wire",
        "Wade Cottonwood",
        "Sister Creek",
        "Hank Dooley Jr.",
        "The Long Fence Band",
    ),
    "disco": (
        "Velvet Parade",
        "Studio Mirage",
        "Gloria Dantès",
        "The Saturday Set",
        "Night Orchid",
        "Mirrorball Express",
    ),
    "house": (
        "Kilo Avenue",
        "DJ Perron",
        "Basement Theory",
        "Nadia Volt",
        "Warehouse 9",
        "Deep Harbour",
    ),
    "punk": (
        "The Broken Turnstiles",
        "Riot Dentist",
        "Null Set",
        "Ana y los Perros",
        "Gutter Choir",
        "Fast Eviction",
    ),
}


@dataclass(frozen=True)
class Traits:
    """What makes an artist's sound, each from 0 to 1.

    The artists of a genre lie on as many levels of each trait, so that no two are alike.

    Parameters
    ----------
    tempo, key, busy, loose : float
        fast or slow for the genre; the pitch that is home, C to B; how much is played; and how
        far from the beat
    lean : float
        how far towards the neighbouring genre, see `genres`
    bright, drive : float
        strings and synthesisers, dull or brilliant; amplifiers, clean or distorted
    tilt, treble, body, room, hiss, level : float
        the mixing desk, see `mix`
    """

    tempo: float
    key: float
    busy: float
    loose: float
    lean: float
    bright: float
    drive: float
    tilt: float
    treble: float
    body: float
    room: float
    hiss: float
    level: float


@dataclass(frozen=True)
class Artist:
    """A name and the traits of its sound."""

    name: str
    traits: Traits

    def session(self, rng: np.random.Generator) -> Traits:
        """The traits on one day in the studio: near the artist's own, and in its favourite key."""
        near = {
            trait: float(np.clip(rng.normal(level, STUDIO if trait in DESK else FREEDOM), 0, 1))
            for trait, level in asdict(self.traits).items()
        }
        return Traits(**near | {"key": self.traits.key})


def artists(genre: str) -> list[Artist]:
    """The artists of a genre, always the same."""
    names = ROSTER[genre]
    rng = np.random.default_rng([SEED, list(ROSTER).index(genre)])
    levels = {
        f.name: (rng.permutation(len(names)) + rng.uniform(0.2, 0.8, len(names))) / len(names)
        for f in fields(Traits)
    }
    return [
        Artist(name, Traits(**{trait: float(v[i]) for trait, v in levels.items()}))
        for i, name in enumerate(names)
    ]
