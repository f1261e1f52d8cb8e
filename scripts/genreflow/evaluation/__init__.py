"""How good a run is, with the uncertainty of every figure.

``names`` says what the figures are called, ``predictions`` and ``values`` read and check what the
runs predicted, ``singlelabel``, ``multilabel`` and ``regression`` define the figures of the tasks
on what ``metrics`` and ``ranking`` give, ``bootstrap`` their intervals and ``differences`` those
between runs; ``tables`` and ``closeness`` make what the report shows, ``study`` all of it.
"""
