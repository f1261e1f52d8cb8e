"""genreflow: from a folder of music to genre models that are measured honestly."""

__version__ = "0.1.0"
