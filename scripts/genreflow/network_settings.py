"""What a config says of networks, checked before anything runs.

Not in `genreflow.models`, where networks check it again: what their modules import counts as the
code of every training, and torch takes two seconds to import.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from genreflow import importing
from genreflow.errors import GenreflowError
from genreflow.models.check import check_parameters
from genreflow.models.schedules import learning_rate
from genreflow.schema import check, schema_of

# The estimators of networks, and the function that makes their module where they are told no other.
NETWORKS = (
    "genreflow.models.network.Network",
    "genreflow.models.network_regressor.NetworkRegressor",
)
USUAL_MODULE = "genreflow.models.networks.feed_forward"


def check_network(where: str, spec: Mapping[str, Any]) -> None:
    """Check the values of a network's parameters, and those that its search tries.

    Parameters
    ----------
    where : str
        what messages call the model
    spec : mapping
        a model whose estimator is one of `NETWORKS`, and whose parameters have names that are known

    Raises
    ------
    GenreflowError
        naming the parameter, what it is and what it may be
    """
    schema, space = schema_of("network"), spec.get("search", {}).get("space", {})
    if space:
        # Which values go together is known when the search draws them.
        schema = {key: part for key, part in schema.items() if key != "allOf"}
    parameters = check(spec["parameters"], schema, f"{where}: parameters")
    for name, candidates in space.items():
        for candidate in candidates:
            check({name: candidate}, schema, f"{where}: search.space")
    modules = space.get("module", [parameters["module"]])
    for module in modules:
        importing.check(module, needed_by=f"{where}: module")
    if len(modules) == 1:
        given = space.get("module_parameters", [parameters.get("module_parameters")])
        _check_module_parameters(modules[0], given, f"{where}: module_parameters")
    if not space:
        _check_schedule(parameters, f"{where}: parameters")


def _check_module_parameters(
    module: str, candidates: Sequence[Mapping[str, Any] | None], where: str
) -> None:
    """Refuse parameters that the function that makes a module does not take."""
    known = importing.keywords(module)
    for given in candidates if known is not None else ():
        # The first is the number of outputs, which the network tells.
        check_parameters(given or {}, known[1:], module, where)


def _check_schedule(parameters: Mapping[str, Any], where: str) -> None:
    """Refuse a schedule without the numbers that it needs, or with others."""
    name, numbers = parameters["schedule"], parameters.get("schedule_parameters") or {}
    try:
        learning_rate(name, numbers, start=1.0, epochs=parameters["epochs"])
    except GenreflowError as error:
        raise GenreflowError(f"{where}: {error}") from None
