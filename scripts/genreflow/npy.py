"""One-dimensional npy files that are written as their items come, and read as memory maps."""

import mmap
from typing import BinaryIO

import numpy as np


def write_header(file: BinaryIO, dtype: np.dtype, length: int) -> None:
    """Write the header of a one-dimensional array.

    It is as long for every length and dtype, so it can be written before the length is known and
    again at the end.

    Parameters
    ----------
    file : binary file
        at its beginning
    dtype : np.dtype
        of a number
    length : int >= 0
        number of items
    """
    header = {"descr": dtype.str, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, header)


def release(items: np.ndarray) -> None:
    """Let go of what was read of a memory map, so that it counts no longer as memory in use.

    The map stays as it is: what is asked for again is read again.

    Parameters
    ----------
    items : np.ndarray
        a memory map or a part of it; with any other array, nothing is done
    """
    owner = items
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap):
        owner.madvise(mmap.MADV_DONTNEED)
