"""How the report writes numbers, and the axes it draws them on."""

import pytest

from genreflow.report.axis import axis_around
from genreflow.report.numbers import count, listed, megabytes, metric_named, seconds


@pytest.mark.parametrize(
    ("made_text", "expected"),
    [
        (metric_named("accuracy").value(0.8421), "84.2\u202f%"),
        (metric_named("accuracy").interval(0.781, 0.89), "[78.1, 89.0]"),
        (metric_named("log_loss").value(0.51234), "0.512"),
        (metric_named("log_loss").phrase, "log loss"),
        (metric_named("f1_macro").phrase, "F1, macro"),
        (metric_named("accuracy").difference(-0.123), "−12.3 points"),
        (metric_named("never_heard_of").value(-1.5), "−1.500"),
        (metric_named("accuracy").value(float("nan")), "–"),
        (seconds(4.21), "4.2\u202fs"),
        (seconds(200), "3\u202fmin 20\u202fs"),
        (seconds(7500), "2\u202fh 5\u202fmin"),
        (megabytes(1400), "1.4\u202fGB"),
        (count(12345), "12,345"),
        (listed(["a, b", "c", "d"]), "a, b, c and d"),
    ],
)
def test_numbers(made_text, expected):
    assert made_text == expected


def test_axis_holds_all_values_within_its_bounds():
    axis = axis_around([0.41, 0.97, None, float("nan")], floor=0.0, ceiling=1.0)
    assert (axis.low, axis.high) == (0.4, 1.0)
    assert axis.place(0.7) == 50 and axis.place(None) is None
    assert axis_around([0.5]).place(0.5) is not None
    assert axis_around([]).ticks
