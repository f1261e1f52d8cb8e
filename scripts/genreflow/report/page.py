"""The report as one HTML file: template, style and script in one, nothing loaded from outside."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from genreflow.report import clusterings, curves, explained, explored, headline, regression
from genreflow.report.confusions import explorer
from genreflow.report.corpus import datasets
from genreflow.report.leak import comparisons
from genreflow.report.material import Material
from genreflow.report.origin import provenance
from genreflow.report.pictures import example_pictures
from genreflow.report.published import published
from genreflow.report.scores import leaderboards, waiting

FOLDER = Path(__file__).parent
# What one file after the other brings, in this order.
STYLES = (
    "style.css",
    "tables.css",
    "drawings.css",
    "parts.css",
    "matrix.css",
    "heatmap.css",
    "regression.css",
    "curves.css",
    "explored.css",
    "clusterings.css",
    "explained.css",
    "media.css",
)
SCRIPTS = ("report.js", "matrix.js", "explorer.js", "heatmap.js", "clusterings.js", "start.js")
ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def render(material: Material) -> str:
    """Write the page.

    Every name in it is escaped: by Jinja2 in the markup, by `inline_json` in the data of the
    script. Its content security policy allows this one script, and no connection at all.

    Parameters
    ----------
    material : Material

    Returns
    -------
    str
        an HTML document
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _joined(SCRIPTS)
    content = explorer(material)
    return environment.get_template("report.html").render(
        title=material.study.get("title") or material.study["study"],
        study=material.study,
        confidence=material.confidence,
        figures=headline.about(material),
        headlines=headline.headlines(material),
        warnings=headline.warnings(material),
        boards=leaderboards(material),
        waiting=waiting(material),
        numbers=regression.section(material),
        published=published(material),
        comparisons=comparisons(material),
        explorer=content,
        curves=curves.section(material),
        explored=explored.section(material),
        clusterings=clusterings.section(material),
        explained=explained.section(material),
        data=Markup(inline_json(content)),
        datasets=datasets(material),
        examples={
            name: {"classes": classes, "tracks": [example_pictures(e) for e in found]}
            for name, (found, classes) in material.examples.items()
        },
        origin=provenance(material),
        style=Markup(_joined(STYLES)),
        script=Markup(script),
        script_digest=digest_of_script(script),
    )


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


def inline_json(value: Any) -> str:
    """Write JSON that may stand inside a script element whatever names it holds."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(ESCAPES)


def digest_of_script(script: str) -> str:
    """Return the digest by which a content security policy allows an inline script."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")
