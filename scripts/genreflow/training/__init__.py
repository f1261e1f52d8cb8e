"""Training of one run on one split: every fold is fitted, kept, and asked for its predictions.

``table`` puts features and labels together, ``inner`` divides a training part without parting
artists, ``fit`` selects, calibrates and fits inside it, ``train`` goes through the folds.
"""
