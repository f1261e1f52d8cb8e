"""Feature sets: what a model sees of a track.

A feature set is a function named in config/features.yaml. It takes the audio of one track and
returns named numbers; `genreflow.features.extract` calls it for every track of a batch and
`genreflow.features.table` reads the tables that come of it. Neither imports a feature set, so the
code of one set is an input of its own features only.
"""
