"""The search space of ``parameters_search_space.yml``: two sizes, from which each agent takes the parameters that it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from psy_agents.agents.registry import AGENTS, spec
from psy_agents.agents.renamed import new_name
from psy_agents.errors import ParameterError, suggestion
from psy_agents.files.schema import Schema
from psy_agents.hpo.space.ranges import Choices, FloatRange, Range, Scalar
from psy_agents.training.config import HyperParameters, TrainingSettings

if TYPE_CHECKING:
    from psy_agents.hpo.space.search_space import SearchSpace

SIZES = ("small", "large")


class SearchSpaceConfig(Schema):
    """Ranges of hyper-parameters in two sizes, and the trials that go first.

    Parameters are drawn in the order of the file. One that is null is not searched: it has its value of ``training.fixed``, or
    its default.
    """

    small: dict[str, Range | None] = Field(description="Of a first search on any machine: parameters by name.")
    large: dict[str, Range | None] = Field(description="Of a long search on a GPU: parameters by name.")
    first_trials: dict[str, list[dict[str, Scalar]]] = Field(
        {}, description="Of each agent, trials that go first in every study of a whole space; what they leave out has its default."
    )

    def space(self, agent: str, size: Literal["small", "large"], settings: TrainingSettings) -> SearchSpace:
        """The parameters that the agent reads, in their order.

        Raises:
            ParameterError: a condition does not fit.
        """
        from psy_agents.hpo.space.search_space import SearchSpace

        ranges = {name: each for name, each in getattr(self, size).items() if each is not None and spec(agent).reads(name)}
        return SearchSpace.from_config(ranges, settings.hyperparameters({}).model_dump(), ("search_space", size))

    def firsts(self, agent: str, space: SearchSpace) -> list[dict[str, Any]]:
        """The trials of the agent that go first, complete.

        Raises:
            ParameterError: one does not fit the space.
        """
        given = self.first_trials.get(agent, [])
        return [space.complete(trial, ("search_space", "first_trials", agent, str(number))) for number, trial in enumerate(given)]

    def encoders(self, agent: str, size: Literal["small", "large"], settings: TrainingSettings) -> list[str]:
        """Every encoder that a trial of the agent may use."""
        for parameter in self.space(agent, size, settings).parameters:
            if parameter.name == "encoder":
                return list(parameter.distribution.choices)
        return [settings.hyperparameters({}).encoder]

    def check(self, settings: TrainingSettings) -> None:
        """Check names, values and conditions of both sizes, and names and values of the first trials.

        Raises:
            ParameterError: one is wrong.
        """
        for size in SIZES:
            for name, each in getattr(self, size).items():
                _check_name(name, tuple(HyperParameters.model_fields), ("search_space", size, name))
                if each is not None:
                    _check_range(name, each, ("search_space", size, name))
            for agent in AGENTS:
                self.space(agent, size, settings)
        for agent, trials in self.first_trials.items():
            if agent not in AGENTS:
                raise ParameterError(("search_space", "first_trials", agent), f"there is no such agent (there are: {', '.join(AGENTS)})")
            for number, trial in enumerate(trials):
                for name, value in trial.items():
                    key = ("search_space", "first_trials", agent, str(number), name)
                    _check_name(name, [known for known in HyperParameters.model_fields if spec(agent).reads(known)], key)
                    _check_value(name, value, key)


def _check_name(name: str, known: Any, key: tuple[str, ...]) -> None:
    if name not in known:
        new = new_name(name)
        problem = f"is now called {new}" if new is not None else f"there is no such hyper-parameter{suggestion(name, known)}"
        if new is None and name in HyperParameters.model_fields:
            problem = f"the agent {key[2]} does not read it: leave it out"
        raise ParameterError(key, problem)


def _check_range(name: str, each: Range, key: tuple[str, ...]) -> None:
    """Every value that may be drawn is one that the hyper-parameter may have."""
    if isinstance(each, Choices):
        for value in each.choices:
            _check_value(name, value, (*key, "choices"))
        return
    if isinstance(each, FloatRange) and HyperParameters.model_fields[name].annotation is int:
        raise ParameterError((*key, "type"), "it is a whole number: write type: int")
    for end in ("low", "high"):
        _check_value(name, getattr(each, end), (*key, end))


def _check_value(name: str, value: Any, key: tuple[str, ...]) -> None:
    try:
        HyperParameters(**{name: value})
    except ValidationError as error:
        new = new_name(name, value)
        message = error.errors(include_url=False)[0]["msg"]
        problem = f"{message[0].lower()}{message[1:]}, not {value!r}" if new is None else f"{value} is now called {new}"
        raise ParameterError(key, problem) from None
