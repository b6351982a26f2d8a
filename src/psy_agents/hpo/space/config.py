"""The search space as it stands in ``parameters_search_space.yml``: typed, per agent, in two sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model

from psy_agents.agents.registry import AGENTS, spec
from psy_agents.files.schema import Schema
from psy_agents.training.config import TrainingSettings

if TYPE_CHECKING:
    from psy_agents.hpo.space.search_space import SearchSpace


class _CommonSpace(Schema):
    """A search space of one size: what all agents share, and what each adds.

    A parameter is ``{type: float | int, low, high, log, step, when}`` or ``{type: categorical, choices, when}``; ``when``
    maps an earlier parameter to the values with which this one exists.
    """

    common: dict[str, dict[str, Any]] = Field({}, description="Parameters of every agent.")


SpaceConfig = create_model(
    "SpaceConfig",
    __base__=_CommonSpace,
    __module__=__name__,
    __doc__=_CommonSpace.__doc__,
    **{agent: (dict[str, dict[str, Any]], Field({}, description=f"What the agent {agent} adds or replaces.")) for agent in AGENTS},
)


class SearchSpaceConfig(Schema):
    """``parameters_search_space.yml``: two sizes, and the parameters of the trials that go first.

    Attributes:
        baselines: of each agent, parameters of trials that go first in every study; what they leave out is the default.
    """

    small: SpaceConfig
    large: SpaceConfig
    baselines: dict[Literal[AGENTS], list[dict[str, Any]]] = {}

    def space(self, agent: str, size: str, settings: TrainingSettings) -> SearchSpace:
        """The agent's space; fails on a name that the agent does not read."""
        from psy_agents.hpo.space.search_space import SearchSpace

        chosen = getattr(self, size)
        defaults = settings.hyperparameters({}).model_dump()
        known = {name: value for name, value in defaults.items() if spec(agent).reads(name)}
        return SearchSpace.from_config({**chosen.common, **getattr(chosen, agent)}, known)

    def encoders(self, agent: str, size: str, settings: TrainingSettings) -> list[str]:
        """Every encoder that a trial of the agent may use."""
        for parameter in self.space(agent, size, settings).parameters:
            if parameter.name == "encoder":
                return list(parameter.distribution.choices)
        return [settings.hyperparameters({}).encoder]
