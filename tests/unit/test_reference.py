"""config/README.md names every key of the schemas, with its meaning and default.

`python tests/unit/test_reference.py` writes its tables anew.
"""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
README = ROOT / "config" / "README.md"
SCHEMAS = ["study", "dataset", "features", "model", "network", "weights", "map"]


def rows(schema, prefix=""):
    """One table row per key, nested keys with their path."""
    for key, part in schema.get("properties", {}).items():
        name = f"{prefix}{key}"
        default = (
            f"`{json.dumps(part['default'])}`" if part.get("default") not in (None, {}) else ""
        )
        needed = "required" if key in schema.get("required", ()) else default
        yield f"| `{name}` | {part['description'].strip()} | {needed} |"
        yield from rows(part, f"{name}.")
        for inner, mark in ((part.get("additionalProperties"), "NAME"), (part.get("items"), "N")):
            if isinstance(inner, dict) and "properties" in inner:
                yield from rows(inner, f"{name}.{mark}.")


def table(name):
    schema = yaml.safe_load((ROOT / "workflow/schemas" / f"{name}.schema.yaml").read_text())
    if isinstance(schema.get("additionalProperties"), dict):
        lines = list(rows(schema["additionalProperties"], "NAME."))
    else:
        lines = list(rows(schema))
    return "\n".join(["| key | meaning | default |", "|---|---|---|", *lines])


def with_tables(text):
    for name in SCHEMAS:
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
        assert re.search(pattern, text, flags=re.S), f"no place for the table of {name}"
        text = re.sub(pattern, lambda m, n=name: f"{m[1]}{table(n)}\n{m[2]}", text, flags=re.S)
    return text


def test_the_reference_of_the_config_is_up_to_date():
    text = README.read_text()
    assert text == with_tables(text), "run: python tests/unit/test_reference.py"


def test_every_key_has_a_description():
    for name in SCHEMAS:
        table(name)


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
