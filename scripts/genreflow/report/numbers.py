"""How the report writes metrics, times and counts.

Shares are written in per cent with one decimal and a narrow no-break space; intervals in square
brackets. An unknown number is an en dash.
"""

import math
from dataclasses import dataclass

UNKNOWN = "–"
NARROW = "\u202f"


@dataclass(frozen=True)
class Metric:
    """How one metric is named, written and ordered."""

    title: str
    percent: bool = True
    higher_is_better: bool = True
    # What an axis does not reach beyond; a value that does is drawn at its end.
    floor: float | None = 0.0
    ceiling: float | None = 1.0
    # Of a number that is no share; None for three significant digits.
    decimals: int | None = 3

    @property
    def phrase(self) -> str:
        """The title inside a sentence: ``log loss``, but ``F1, macro``."""
        return self.title[0].lower() + self.title[1:] if self.title[1].islower() else self.title

    def number(self, value: float | None) -> str:
        """Write a value without its unit: ``84.2`` for a share, ``0.512`` for any other."""
        if value is None or not math.isfinite(value):
            return UNKNOWN
        return self._text(value).replace("-", "−")

    def value(self, value: float | None) -> str:
        """Write a value with its unit: ``84.2 %``."""
        text = self.number(value)
        return text + NARROW + "%" if self.percent and text != UNKNOWN else text

    def interval(self, low: float | None, high: float | None) -> str:
        """Write an interval: ``[78.1, 89.0]``; nothing where it is not known."""
        if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
            return ""
        return f"[{self.number(low)}, {self.number(high)}]"

    def difference(self, value: float) -> str:
        """Write a signed difference: ``−12.3 points`` for a share."""
        size = self._text(abs(value))
        sign = "±" if float(size.replace(",", "")) == 0 else "+" if value > 0 else "−"
        return f"{sign}{size}" + (" points" if self.percent else "")

    def distance(self, value: float) -> str:
        """Write how large a difference is: ``12.3 points`` for a share."""
        return self._text(abs(value)) + (" points" if self.percent else "")

    def _text(self, value: float) -> str:
        if self.percent:
            text = f"{100 * value:.1f}"
        elif self.decimals is None:
            text = significant(value)
        else:
            text = f"{value:.{self.decimals}f}"
        # What is rounded to 0 has no sign.
        return text if any(digit in text for digit in "123456789") else text.lstrip("-")


METRICS = {
    "accuracy": Metric("Accuracy"),
    "balanced_accuracy": Metric("Balanced accuracy"),
    "precision_macro": Metric("Precision, macro"),
    "recall_macro": Metric("Recall, macro"),
    "f1_macro": Metric("F1, macro"),
    "precision_weighted": Metric("Precision, weighted"),
    "recall_weighted": Metric("Recall, weighted"),
    "f1_weighted": Metric("F1, weighted"),
    "exact_match": Metric("Exact match"),
    "hamming_loss": Metric("Hamming loss", higher_is_better=False),
    "precision_micro": Metric("Precision, micro"),
    "recall_micro": Metric("Recall, micro"),
    "f1_micro": Metric("F1, micro"),
    "lrap": Metric("Label ranking average precision", percent=False),
    "roc_auc_macro": Metric("ROC-AUC, macro", percent=False),
    "roc_auc_micro": Metric("ROC-AUC, micro", percent=False),
    "pr_auc_macro": Metric("PR-AUC, macro", percent=False),
    "pr_auc_micro": Metric("PR-AUC, micro", percent=False),
    "log_loss": Metric("Log loss", percent=False, higher_is_better=False, floor=None, ceiling=None),
    "roc_auc_ovr": Metric("ROC-AUC", percent=False),
    "precision": Metric("Precision"),
    "recall": Metric("Recall"),
    "f1": Metric("F1"),
    "roc_auc": Metric("ROC-AUC", percent=False),
    "pr_auc": Metric("PR-AUC", percent=False),
    "r2": Metric("R²", percent=False, floor=-1.0),
    "mse": Metric("MSE", percent=False, higher_is_better=False, ceiling=None, decimals=4),
    "mae": Metric("MAE", percent=False, higher_is_better=False, ceiling=None, decimals=None),
}


def metric_named(name: str) -> Metric:
    """Return how to write a metric; one that is not listed is a plain number."""
    title = name.replace("_", " ").capitalize()
    return METRICS.get(name) or Metric(title, percent=False, floor=None, ceiling=None)


def significant(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, and never with an exponent: ``1,234``."""
    size = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{max(digits - 1 - size, 0)}f}"


def count(number: float | None) -> str:
    """Write a whole number with commas: ``1,234``."""
    if number is None:
        return UNKNOWN
    return f"{number:,.0f}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: ``1 track``, ``24 tracks``."""
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def seconds(value: float | None) -> str:
    """Write a length of time: ``40 ms``, ``4.2 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if 0 < value < 0.0995:
        return f"{max(1000 * value, 1):.0f}{NARROW}ms"
    if value < 9.95:
        return f"{value:.1f}{NARROW}s"
    if round(value) < 60:
        return f"{value:.0f}{NARROW}s"
    if round(value) < 3600:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes}{NARROW}min" + (f" {rest}{NARROW}s" if rest else "")
    hours, minutes = divmod(round(value / 60), 60)
    return f"{count(hours)}{NARROW}h" + (f" {minutes}{NARROW}min" if minutes else "")


def megabytes(value: float | None) -> str:
    """Write an amount of memory given in MB: ``312 MB``, ``1.4 GB``."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value < 1000:
        return f"{value:.0f}{NARROW}MB"
    return f"{value / 1000:.1f}{NARROW}GB"


def listed(words: list[str]) -> str:
    """Join words as a sentence does: ``a, b and c``."""
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)
