"""Make the PCM of one decoded batch at another sampling rate."""

from genreflow.audio.decode import resample_batch
from genreflow.audio.settings import DecodeSettings
from genreflow.journal import log_to
from genreflow.provenance import made_by

if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        resample_batch(
            batch_csv=snakemake.input.batch,
            root=snakemake.params.root,
            rate=int(snakemake.wildcards.rate),
            settings=DecodeSettings(**snakemake.params.settings),
            keep_audio=snakemake.params.keep_audio,
            decoded_table=snakemake.input.decoded,
            workers=snakemake.threads,
            path_to_pcm=snakemake.output.pcm,
            path_to_index=snakemake.output.index,
        )
