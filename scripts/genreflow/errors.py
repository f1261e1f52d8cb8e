"""The error that users see: one clear message, no traceback."""

import difflib
from collections.abc import Iterable


class GenreflowError(Exception):
    """Something that the user can put right.

    The message says what is wrong, in which file or config key, and what to do.
    """


class SetupError(GenreflowError):
    """One that concerns all tracks, such as weights that do not fit: work on a batch ends with it.

    Any other error that a feature set raises is the reason why one track is left out.
    """


def closest(name: object, known: Iterable[object]) -> str:
    """The end of a message about an unknown name: what may have been meant, or what is known.

    Parameters
    ----------
    name : object
        what was written
    known : iterable
        what could have been; listed where nothing is near and the list is short

    Returns
    -------
    str
        begins with a semicolon, or is empty
    """
    names = [str(k) for k in known]
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are {', '.join(names)}" if 0 < len(names) <= 20 else ""


def require_known(name: str, known: Iterable[str], where: str, what: str) -> None:
    """Refuse a name that is not known.

    Parameters
    ----------
    name : str
    known : iterable of str
    where : str
        file and key, for the message
    what : str
        what is known, in the plural

    Raises
    ------
    GenreflowError
        with the closest name that is known
    """
    known = list(known)
    if name not in known:
        raise GenreflowError(f"{where}: {name!r} is not one of the {what}{closest(name, known)}")
