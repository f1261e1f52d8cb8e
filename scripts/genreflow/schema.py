"""Files in YAML, checked by the schemas in ``workflow/schemas``."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from genreflow.errors import GenreflowError, closest

SHIPPED = Path(__file__).parents[2]


def check(value: Mapping[str, Any], schema: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Check a config against a JSON schema, and fill in the schema's defaults.

    Parameters
    ----------
    value, schema : mapping
    source : str
        the file, for error messages

    Returns
    -------
    dict
        a deep copy with defaults

    Raises
    ------
    GenreflowError
        naming file, key, and the closest valid name
    """
    if not isinstance(value, Mapping):
        raise GenreflowError(f"{source}: expected keys and values, found {_kind(value)}")
    from jsonschema import Draft202012Validator

    plain = _plain(value)
    errors = sorted(
        Draft202012Validator(schema).iter_errors(plain), key=lambda e: list(map(str, e.path))
    )
    if errors:
        lines = dict.fromkeys(f"{source}: {_explain(error)}" for error in errors)
        raise GenreflowError("\n".join(lines))
    return _with_defaults(plain, schema)


def _explain(error) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    prefix = f"{where}: " if where else ""
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", ()))
        extra = [key for key in error.instance if key not in known]
        return "; ".join(f"{prefix}unknown key {key!r}{closest(key, known)}" for key in extra)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{prefix}missing {' and '.join(map(repr, missing))}"
    if error.validator == "enum":
        near = closest(error.instance, error.validator_value)
        return f"{prefix}{error.instance!r} is not known{near}"
    if error.validator == "type":
        expected = error.validator_value
        expected = " or ".join(expected) if isinstance(expected, list) else expected
        return f"{prefix}expected {expected}, found {_kind(error.instance)}{_advice(error)}"
    if error.validator == "not":
        return f"{prefix}{error.schema['description']}"
    if error.validator == "anyOf":
        kinds = [word for part in error.validator_value for word in _named(part)]
        return f"{prefix}{error.instance!r} is not one of: {', '.join(kinds)}"
    return f"{prefix}{error.message}"


def _advice(error) -> str:
    """What to do about a number that YAML takes for text, such as 1e-3."""
    expected = error.validator_value
    kinds = expected if isinstance(expected, list) else [expected]
    if isinstance(error.instance, str) and {"number", "integer"} & set(kinds):
        try:
            float(error.instance)
        except ValueError:
            return ""
        return "; write numbers without quotes, and such as 1.0e-3 with a point"
    return ""


def _named(part: Mapping[str, Any]) -> list[str]:
    """What a part of a schema lets pass, in words."""
    if "enum" in part:
        return list(map(repr, part["enum"]))
    words = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below"}
    bounds = [f"{word} {part[key]}" for key, word in words.items() if key in part]
    return [" ".join([f"{part['type']}", *bounds])]


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", type(None): "nothing"}
    return names.get(type(value), f"a {type(value).__name__}") + f" ({value!r})"


def read_part(kind: str, name: str, where: str, folder: Path) -> dict[str, Any]:
    """Read and check the file of a dataset, a model or a map.

    Parameters
    ----------
    kind : str
        dataset, model or map
    name : str
        the file's name without suffix
    where : str
        what names it, for messages
    folder : Path
        the working directory, whose config/ goes before the shipped one

    Raises
    ------
    GenreflowError
        where there is no such file, or it does not follow its schema
    """
    inside = f"config/{kind}s"
    for base in (folder, SHIPPED):
        if (base / inside / f"{name}.yaml").is_file():
            return check_file(kind, f"{inside}/{name}.yaml", base)
    known = {p.stem for base in (folder, SHIPPED) for p in (base / inside).glob("*.yaml")}
    raise GenreflowError(
        f"{where}: there is no {kind} {name!r}, which would be the file {inside}/{name}.yaml"
        f"{closest(name, sorted(known))}"
    )


def check_file(kind: str, file: str, base: Path) -> dict[str, Any]:
    """The content of a file below a folder, checked by the schema of its kind."""
    return check(read_yaml(base / file), schema_of(kind), file)


def read_yaml(path: Path) -> Any:
    """Read a YAML file as plain data.

    Raises
    ------
    GenreflowError
        where the file is not YAML, or has a key twice; the message names file and line
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        def construct_mapping(self, node, deep=False):
            # A merge key (<<) brings keys along that others may replace.
            own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
            keys = [self.construct_object(key, deep=True) for key in own]
            for key in keys:
                if keys.count(key) > 1:
                    line = node.start_mark.line + 1
                    raise GenreflowError(f"{path}, line {line} on: the key {key!r} stands twice")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(path.read_bytes(), Loader=Loader)
    except yaml.YAMLError as error:
        raise GenreflowError(f"{path}: not YAML: {error}") from None


@cache
def schema_of(kind: str) -> dict[str, Any]:
    """The schema of a kind of file: study, dataset, model, network, features, weights or map."""
    return read_yaml(SHIPPED / "workflow" / "schemas" / f"{kind}.schema.yaml")


def _with_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "integer":
        return int(value)  # 4.0 is an integer to JSON schema
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        others = others if isinstance(others, Mapping) else {}
        filled = {k: _with_defaults(v, known.get(k, others)) for k, v in value.items()}
        for key, part in known.items():
            if key not in filled and "default" in part:
                filled[key] = _with_defaults(_plain(part["default"]), part)
        return filled
    if isinstance(value, list):
        return [_with_defaults(item, schema.get("items", {})) for item in value]
    return value


def _plain(value: Any) -> Any:
    """A deep copy made of dict, list and scalars."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
