"""Audio: from the files of a dataset to mono PCM, and what is wrong with those that are left out.

`read` decodes, `integrity` and `measure` find out what a file is worth, `track` judges one file,
`guard` does so in worker processes, `decode` for a whole batch, and `store` keeps the PCM.
"""
