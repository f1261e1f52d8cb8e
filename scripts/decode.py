"""Decode the files of one batch."""

from genreflow.audio.decode import decode_batch
from genreflow.audio.settings import DecodeSettings
from genreflow.journal import log_to
from genreflow.provenance import made_by

if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        decode_batch(
            batch_csv=snakemake.input.batch,
            root=snakemake.params.root,
            rate=snakemake.params.rate,
            settings=DecodeSettings(**snakemake.params.settings),
            keep_audio=snakemake.params.keep_audio,
            read_tags=snakemake.params.tags,
            workers=snakemake.threads,
            path_to_table=snakemake.output.table,
            path_to_pcm=snakemake.output.pcm,
            path_to_index=snakemake.output.index,
        )
