"""The search spaces of ``parameters_search_space.yml``: their ranges and their first trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field, ValidationError

from psy_agents.agents.registry import AGENTS, spec
from psy_agents.agents.renamed import new_name
from psy_agents.errors import ParameterError, RenamedParameter, suggestion
from psy_agents.files.schema import Schema
from psy_agents.hpo.space.ranges import Choices, FloatRange, Range, Scalar
from psy_agents.training.config import HyperParameters, TrainingSettings

if TYPE_CHECKING:
    from psy_agents.hpo.space.search_space import SearchSpace

SpaceName = Literal["small", "full", "lora", "large"]
SPACES: tuple[SpaceName, ...] = get_args(SpaceName)


class SearchSpaceConfig(Schema):
    """Ranges of hyper-parameters in four spaces, and the first trials of each agent in them.

    Parameters are drawn in the order of the file. A parameter that is null is not searched: its value is that of
    ``training.fixed``, or its default.
    """

    small: dict[str, Range | None] = Field(description="Ranges by hyper-parameter, for a first search on any machine.")
    full: dict[str, Range | None] = Field({}, description="Ranges by hyper-parameter, for whole encoders of base size on a GPU.")
    lora: dict[str, Range | None] = Field({}, description="Ranges by hyper-parameter, for adapters on large encoders and decoders.")
    large: dict[str, Range | None] = Field(description="Ranges by hyper-parameter, for a long search on a GPU.")
    first_trials: dict[SpaceName, dict[str, list[dict[str, Scalar]]]] = Field(
        {}, description="By space and agent: trials that run first in a study of a whole space. Missing hyper-parameters have defaults."
    )

    def space(self, agent: str, size: SpaceName, settings: TrainingSettings) -> SearchSpace:
        """The search space of an agent: the parameters that it reads, in the order of the file.

        Raises:
            ParameterError: a condition does not fit.
        """
        from psy_agents.hpo.space.search_space import SearchSpace

        ranges = {name: each for name, each in getattr(self, size).items() if each is not None and spec(agent).reads(name)}
        return SearchSpace.from_config(ranges, settings.hyperparameters({}).model_dump(), ("search_space", size))

    def firsts(self, agent: str, size: SpaceName, space: SearchSpace) -> list[dict[str, Any]]:
        """The agent's first trials in one of the spaces, completed by defaults.

        Raises:
            ParameterError: a trial does not fit the space.
        """
        given = self.first_trials.get(size, {}).get(agent, [])
        return [space.complete(trial, ("search_space", "first_trials", size, agent, str(number))) for number, trial in enumerate(given)]

    def encoders(self, agent: str, size: SpaceName, settings: TrainingSettings) -> list[str]:
        """All encoders that a trial of the agent may use."""
        for parameter in self.space(agent, size, settings).parameters:
            if parameter.name == "encoder":
                return list(parameter.distribution.choices)
        return [settings.hyperparameters({}).encoder]

    def ranks(self, agent: str, size: SpaceName, settings: TrainingSettings) -> dict[str, int]:
        """By encoder the highest rank of a trial's adapters; 0 where a trial may train the encoder without adapters."""
        searched = {each.name: each for each in self.space(agent, size, settings).parameters}
        rank, default = searched.get("lora_rank"), settings.hyperparameters({}).lora_rank
        found = {}
        for encoder in self.encoders(agent, size, settings):
            drawn = rank is not None and encoder in rank.when.get("encoder", (encoder,))
            always = drawn and rank.when.keys() <= {"encoder"}
            values = [*(rank.bounds if drawn else ()), *(() if always else (default,))]
            found[encoder] = max(values) if all(values) else 0
        return found

    def check(self, settings: TrainingSettings) -> None:
        """Check names, ranges and conditions of each space, and names and values of its first trials.

        Raises:
            ParameterError: a name, range, condition or value is wrong.
        """
        for size in SPACES:
            for name, each in getattr(self, size).items():
                _check_name(name, tuple(HyperParameters.model_fields), ("search_space", size, name))
                if each is not None:
                    _check_range(name, each, ("search_space", size, name))
            for agent in AGENTS:
                self.space(agent, size, settings)
        for size, by_agent in self.first_trials.items():
            for agent, trials in by_agent.items():
                _check_trials(agent, trials, ("search_space", "first_trials", size, agent))


def _check_trials(agent: str, trials: list[dict[str, Scalar]], key: tuple[str, ...]) -> None:
    if agent not in AGENTS:
        raise ParameterError(key, f"there is no such agent (there are: {', '.join(AGENTS)})")
    read = [name for name in HyperParameters.model_fields if spec(agent).reads(name)]
    for number, trial in enumerate(trials):
        for name, value in trial.items():
            _check_name(name, read, (*key, str(number), name))
            _check_value(name, value, (*key, str(number), name))


def _check_name(name: str, known: Any, key: tuple[str, ...]) -> None:
    if name not in known:
        if (new := new_name(name)) is not None:
            raise RenamedParameter(key, new)
        if name in HyperParameters.model_fields:
            raise ParameterError(key, f"the agent {key[3]} does not read it: leave it out")
        raise ParameterError(key, f"there is no such hyper-parameter{suggestion(name, known)}")


def _check_range(name: str, each: Range, key: tuple[str, ...]) -> None:
    """Check that the hyper-parameter accepts every value of its range."""
    if isinstance(each, Choices):
        for value in each.choices:
            _check_value(name, value, (*key, "choices"))
        return
    if isinstance(each, FloatRange) and HyperParameters.model_fields[name].annotation is int:
        raise ParameterError((*key, "type"), "it is a whole number: write type: int")
    for end in ("low", "high"):
        _check_value(name, getattr(each, end), (*key, end))


def _check_value(name: str, value: Any, key: tuple[str, ...]) -> None:
    """Check that the hyper-parameter accepts the value as it is: trials get it without conversion."""
    try:
        HyperParameters.model_validate({name: value}, strict=True)
    except ValidationError as error:
        new = new_name(name, value)
        message = error.errors(include_url=False)[0]["msg"]
        problem = f"{message[0].lower()}{message[1:]}, not {value!r}" if new is None else f"{value} is now called {new}"
        raise ParameterError(key, problem) from None
