"""How good a run is, with the uncertainty of every figure.

``predictions`` reads and checks what the runs predicted, ``metrics`` defines the figures,
``bootstrap`` their intervals, ``tables`` writes what the report shows.
"""
