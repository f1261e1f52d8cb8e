r"""File names as text, and back.

A file's name is bytes, any but ``/`` and NUL. Tables, logs and reports need text on one line, and
opening the file needs the bytes again. Both are served by one reversible spelling:

====================================  ==========  ================
in the name                           spelt       example
====================================  ==========  ================
UTF-8                                 as it is    ``Café 🎺.wav``
backslash                             doubled     ``AC\\DC.wav``
line feed, carriage return, tab       named       ``two\nlines``
other control characters of ASCII     ``\xHH``    ``\x1b``
bytes that are not UTF-8              ``\xHH``    ``caf\xe9.wav``
other control characters, separators  ``\uHHHH``  ``\u2028``
of lines, marks of direction
====================================  ==========  ================

So ``\xHH`` always stands for a byte and ``\uHHHH`` for a character; no two names are spelt alike.
"""

import re

_TO_ESCAPE = re.compile(
    r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\udc80-\udcff]"
)
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.?))", re.DOTALL)
_NAMED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MEANT = {spelt[1]: character for character, spelt in _NAMED.items()}


def encode_path(path: bytes) -> str:
    """Spell a path as printable text on one line.

    Parameters
    ----------
    path : bytes

    Returns
    -------
    str
        different for different paths; `decode_path` gives the bytes again
    """
    return _TO_ESCAPE.sub(_escape, path.decode("utf-8", "surrogateescape"))


def decode_path(text: str) -> bytes:
    """Path behind the text that `encode_path` made.

    Parameters
    ----------
    text : str

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        where the text holds an escape that `encode_path` never writes
    """
    return _ESCAPED.sub(_unescape, text).encode("utf-8", "surrogateescape")


def _escape(match: re.Match) -> str:
    character = match[0]
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    if 0xDC80 <= code <= 0xDCFF:  # how surrogateescape carries the bytes 0x80 to 0xFF
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def _unescape(match: re.Match) -> str:
    byte, code, named = match.groups()
    if byte:
        value = int(byte, 16)
        return chr(value if value < 0x80 else value + 0xDC00)
    if code:
        return chr(int(code, 16))
    if named not in _MEANT:
        raise ValueError(f"{match.string!r}: {match[0]!r} at {match.start()} is no known escape")
    return _MEANT[named]
