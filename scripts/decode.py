"""Decode the files of one batch."""

from genreflow.audio.decode import decode_batch
from genreflow.audio.settings import DecodeSettings
from genreflow.journal import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
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
