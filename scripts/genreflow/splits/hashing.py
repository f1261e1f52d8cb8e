"""Places in [0, 1) that depend on a seed and a name alone, so that data may come and go."""

from hashlib import blake2b


def place(seed: int, name: str) -> float:
    """BLAKE2b of seed and name, taken as a number in [0, 1).

    The names of unpaired surrogates, which bad file names hold, have a place too.
    """
    digest = blake2b(f"{seed} {name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
