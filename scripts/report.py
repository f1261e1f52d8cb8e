"""Write the report of a study: one HTML file, and its figures as SVG and PNG."""

from pathlib import Path

from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.report.figures import write_figures
from genreflow.report.material import read_material
from genreflow.report.page import render


def write_report(*, html: str, figures: str, **inputs) -> None:
    """Write the page and the figures.

    Parameters
    ----------
    html : str
        the file to write
    figures : str
        the folder to write the figures into
    inputs
        settings and paths, as `genreflow.report.material.read_material` takes them
    """
    material = read_material(**inputs)
    Path(html).write_text(render(material), encoding="utf-8")
    write_figures(material, figures)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        given, params = snakemake.input, snakemake.params
        pairs = [(split, run) for run, split in params.done]
        explained = [(split, run) for run, split in params.explained]
        explored = [tuple(pair) for pair in params.explored]
        write_report(
            study=params.study,
            metrics=given.metrics,
            confusion=given.confusion,
            label_confusion=given.label_confusion,
            guesses=given.guesses,
            values=given.values,
            differences=given.differences,
            published=given.published,
            runs=given.runs,
            closeness=given.closeness,
            clusters=given.clusters,
            agreement=given.agreement,
            splits=dict(zip(params.splits, given.splits, strict=True)),
            tracks=dict(zip(params.datasets, given.tracks, strict=True)),
            examples=dict(zip(params.audio, given.examples, strict=True)),
            run_files=list(given.run_files),
            histories=dict(zip(pairs, given.histories, strict=True)),
            explained=dict(
                zip(explained, zip(*[iter(given.explained)] * 2, strict=True), strict=True)
            ),
            explored=dict(zip(explored, given.explored, strict=True)),
            html=snakemake.output.html,
            figures=snakemake.output.figures,
        )
