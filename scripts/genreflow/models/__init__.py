"""Models: made from config/models, checked before any job, and kept in files that run no code.

``check`` reads the source of an estimator instead of importing it, ``build`` makes it, ``predict``
asks a fitted one for probabilities, ``files`` writes it down and reads it back. Estimators of our
own are ``cluster_vote`` and ``network``, with its ``networks``, ``epochs``, ``schedules`` and
``checkpoint``.
"""
