"""The demo corpus: six genres of music that the workflow makes for itself.

`make_corpus` writes it. From the string to the file: `instruments` make single sounds, `rhythm`
puts them on tape in time, `artists` say who plays and how it sounds, `genres` are what the bands
play, `mix` is the mixing desk, `corpus` the shelf.
"""

from genreflow.datasets.demo.corpus import make_corpus

__all__ = ["make_corpus"]
