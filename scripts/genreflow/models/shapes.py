"""What the makers of modules are told of their inputs, and what they say where it does not fit."""

from collections.abc import Container

from genreflow.errors import GenreflowError

# The shape of the arrays of each feature set.
Shapes = tuple[tuple[int, ...], ...]


def require_arrays(
    inputs: int | Shapes, takes: str, *, axes: Container[int], sets: int | None = None
) -> None:
    """Refuse inputs that a module cannot take.

    Parameters
    ----------
    inputs : int or tuple of tuple of int
        the number of columns of a matrix of vectors, or the shape of each feature set's arrays
    takes : str
        what the module takes, for the message
    axes : container of int
        how many axes arrays may have
    sets : int, optional
        how many feature sets there must be; any number where absent

    Raises
    ------
    GenreflowError
    """
    if isinstance(inputs, int):
        raise GenreflowError(f"{takes}; these are vectors of {inputs} numbers")
    if not all(len(shape) in axes for shape in inputs) or len(inputs) != (sets or len(inputs)):
        shown = " and ".join(map(str, inputs))
        raise GenreflowError(f"{takes}; the arrays of this run have the shapes {shown}")
