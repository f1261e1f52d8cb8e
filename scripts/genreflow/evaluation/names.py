"""What the figures are called; dependency-free, as every start of the workflow reads it."""

OVERALL = {
    "single_label": (
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
        "f1_weighted",
        "log_loss",
        "precision_macro",
        "precision_weighted",
        "recall_macro",
        "recall_weighted",
        "roc_auc_ovr",
    ),
    "multi_label": (
        "exact_match",
        "f1_macro",
        "f1_micro",
        "f1_weighted",
        "hamming_loss",
        "lrap",
        "pr_auc_macro",
        "pr_auc_micro",
        "precision_macro",
        "precision_micro",
        "precision_weighted",
        "recall_macro",
        "recall_micro",
        "recall_weighted",
        "roc_auc_macro",
        "roc_auc_micro",
    ),
    "regression": ("mae", "mse", "r2"),
}
# Of labels, or of the numbers that regression predicts.
PER_CLASS = {
    "single_label": ("f1", "precision", "recall", "roc_auc"),
    "multi_label": ("f1", "pr_auc", "precision", "recall", "roc_auc"),
    "regression": ("mae", "mse", "r2"),
}

RANKING = {"single_label": "accuracy", "multi_label": "f1_macro", "regression": "r2"}
LOWER_IS_BETTER = ("hamming_loss", "log_loss", "mae", "mse")


def ranking_metric(task: str, wished: str | None = None) -> str:
    """The figure by which runs of a task are ranked: the wished one, where the task has it.

    Examples
    --------
    >>> ranking_metric("single_label", "balanced_accuracy")
    'balanced_accuracy'
    >>> ranking_metric("multi_label", "balanced_accuracy")
    'f1_macro'
    """
    return wished if wished in OVERALL[task] else RANKING[task]
