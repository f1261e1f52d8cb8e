"""How good a run is, with the uncertainty of every figure.

``names`` says what the figures are called, ``predictions`` reads and checks what the runs
predicted, ``singlelabel`` and ``multilabel`` define the figures of the two tasks on what
``metrics`` and ``ranking`` give both, ``bootstrap`` their intervals; ``tables`` and ``closeness``
make what the report shows, ``study`` all of it.
"""
