"""Training of one run on one split: every fold is fitted, kept, and asked for its predictions.

``table`` puts features together and ``targets`` labels or numbers, which ``coding`` tells a model,
``inner`` divides a training part without parting artists, ``fit`` selects (``search``,
``thresholds``), calibrates and fits inside it, ``fold`` fits and predicts, ``train`` goes through
the folds.
"""
