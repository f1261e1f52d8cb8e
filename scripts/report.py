"""Write the report of a study: one HTML file, and its figures as SVG and PNG."""

from pathlib import Path

from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.report.figures import write_figures
from genreflow.report.material import read_material
from genreflow.report.page import render


def write_report(
    *,
    study: dict,
    metrics: str,
    confusion: str,
    guesses: str,
    published: str,
    runs: str,
    splits: dict[str, str],
    tracks: dict[str, str],
    examples: dict[str, str],
    run_files: list[str],
    html: str,
    figures: str,
) -> None:
    """Write the page and the figures.

    Parameters
    ----------
    study : dict
        the study's settings, as run; and `titles` of the runs' models, title and citation of
        `datasets`
    metrics, confusion, guesses, published, runs : str
        paths of the evaluation tables
    splits : dict of str to str
        path of the table of each split, by the split's name
    tracks, examples : dict of str to str
        paths of the tracks table and of the examples, by the dataset's name
    run_files : list of str
        paths of the run.json files
    html : str
        the file to write
    figures : str
        the folder to write the figures into
    """
    material = read_material(
        study=study,
        metrics=metrics,
        confusion=confusion,
        guesses=guesses,
        published=published,
        runs=runs,
        splits=splits,
        tracks=tracks,
        examples=examples,
        run_files=run_files,
    )
    Path(html).write_text(render(material), encoding="utf-8")
    write_figures(material, figures)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        write_report(
            study=snakemake.params.study,
            metrics=snakemake.input.metrics,
            confusion=snakemake.input.confusion,
            guesses=snakemake.input.guesses,
            published=snakemake.input.published,
            runs=snakemake.input.runs,
            splits=dict(zip(snakemake.params.splits, snakemake.input.splits, strict=True)),
            tracks=dict(zip(snakemake.params.datasets, snakemake.input.tracks, strict=True)),
            examples=dict(zip(snakemake.params.datasets, snakemake.input.examples, strict=True)),
            run_files=list(snakemake.input.run_files),
            html=snakemake.output.html,
            figures=snakemake.output.figures,
        )
