"""How far a long step has come is told in the log, and on a terminal with a bar."""

import io
import logging
import sys

import pytest

from genreflow.journal import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        (io.StringIO, ["  1 of 4 epochs", "  2 of 4 epochs"]),
        (
            Terminal,
            ["  █████░░░░░░░░░░░░░░░ 1 of 4 epochs", "  ██████████░░░░░░░░░░ 2 of 4 epochs"],
        ),
    ],
)
def test_lines_in_the_log_and_a_bar_on_a_terminal(stream, lines, monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", stream())
    with caplog.at_level(logging.INFO, "genreflow"):
        steps = progress(iter("abcd"), "epochs", total=4, every=0)
        assert "".join(steps) == "abcd"
    assert sys.stderr.getvalue().splitlines()[:2] == lines
    assert [record.getMessage() for record in caplog.records][-1] == "4 of 4 epochs"


def test_without_a_known_end_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    list(progress(iter("ab"), "tracks", every=0))
    assert sys.stderr.getvalue().splitlines() == ["  1 tracks", "  2 tracks"]
