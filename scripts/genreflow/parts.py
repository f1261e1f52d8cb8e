"""The parts of a split."""

# Those of a fold, in the order in which they are shown; tracks that do not count are in
# "duplicate" or "excluded".
PARTS = ("train", "validation", "test")
