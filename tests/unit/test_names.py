"""Laws of the spelling of file names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.datasets.names import decode_path, encode_path

# Bytes of all kinds, and names near the corners of the spelling.
NAMES = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda t: t.encode("utf-8", "surrogatepass")),
    st.text(alphabet="\\xun09af\n\r\t/\u0085\u2028\u202eé🎺", max_size=12).map(str.encode),
)


@given(NAMES)
def test_decoding_gives_the_bytes_again(path):
    assert decode_path(encode_path(path)) == path


@given(NAMES, NAMES)
def test_different_names_are_spelt_differently(one, other):
    assert (encode_path(one) == encode_path(other)) == (one == other)


@given(NAMES)
def test_the_text_is_one_line_that_any_file_can_hold(path):
    text = encode_path(path)
    assert len(text.splitlines()) <= 1
    assert text.encode().decode() == text


@given(NAMES, NAMES)
def test_a_path_is_spelt_part_by_part(folder, name):
    assert encode_path(folder + b"/" + name) == f"{encode_path(folder)}/{encode_path(name)}"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"blues/blues.00000.wav", "blues/blues.00000.wav"),
        ("Café 'n\" {x} $HOME 🎺 -.wav".encode(), "Café 'n\" {x} $HOME 🎺 -.wav"),
        (b"caf\xe9.wav", r"caf\xe9.wav"),
        (rb"caf\xe9.wav", r"caf\\xe9.wav"),
        (b"two\nlines\t\r\x01\x7f", r"two\nlines\t\r\x01\x7f"),
        ("\x85\u2028\u202e".encode(), r"\u0085\u2028\u202e"),
        (b"\x85", r"\x85"),
    ],
)
def test_spelling(path, text):
    assert encode_path(path) == text


@pytest.mark.parametrize("text", ["\\", "a\\q", "\\x4", "\\xZZ", "\\u12"])
def test_what_is_never_written_cannot_be_read(text):
    with pytest.raises(ValueError, match="no known escape"):
        decode_path(text)
