"""The error that users see: one clear message, no traceback."""


class GenreflowError(Exception):
    """Something that the user can put right.

    The message says what is wrong, in which file or config key, and what to do.
    """
