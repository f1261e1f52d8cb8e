"""Feature sets: what a model sees of a track.

A feature set is a function named in config/features.yaml. It takes the audio of one track and gives
named numbers or an array. `genreflow.features.extract` calls it for every track of a batch,
`genreflow.features.store` writes what it gives, and `genreflow.features.table` reads that again.
None of them imports a feature set, so the code of one set is an input of its own features only.
"""
