"""Every sampler, found in the folder `samplers`, and the type of a stage's ``sampler`` section."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Annotated, Any, Union

from pydantic import BeforeValidator, Field

from psy_agents.hpo.engine import samplers
from psy_agents.hpo.engine.sampler import Sampler
from psy_agents.hpo.engine.samplers.tpe import Tpe


def find_samplers() -> dict[str, type[Sampler]]:
    """The class of each sampler by its name in the configuration.

    Raises:
        TypeError: a class does not say whether it keeps state.
    """
    modules = [importlib.import_module(f"{samplers.__name__}.{module.name}") for module in pkgutil.iter_modules(samplers.__path__)]
    found = [
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Sampler) and each.__module__ == module.__name__
    ]
    if silent := [each.__name__ for each in found if "keeps_state" not in vars(each)]:
        raise TypeError(f"The sampler {silent[0]} does not say whether it keeps_state.")
    return {each.model_fields["name"].default: each for each in found}


def _with_name(value: Any) -> Any:
    """A name alone stands for the section with its defaults; a section without a name is the default sampler's."""
    if isinstance(value, str):
        return {"name": value}
    return {"name": Tpe.model_fields["name"].default, **value} if isinstance(value, Mapping) else value


SAMPLERS = find_samplers()
AnySampler = Annotated[Union[tuple(SAMPLERS.values())], Field(discriminator="name"), BeforeValidator(_with_name)]  # noqa: UP007
