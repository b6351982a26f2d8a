"""A sampler of the search: its parameters, and how Optuna's sampler is built from them. Optuna is imported when one is built."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from psy_agents.errors import UserError
from psy_agents.files.schema import Schema

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from psy_agents.hpo.space.search_space import SearchSpace


class Sampler(Schema):
    """One sampler.

    The engine builds a sampler for every trial, from a seed of the trial's index and from the stored trials. A resumed stage
    therefore proposes what an uninterrupted one proposes. A sampler that remembers more from one proposal to the next, such as the
    position in a sequence or a population, cannot work like this.

    Attributes:
        keeps_state: whether it remembers more than the parameters, values and states of the study's trials.
        name: in the configuration; a literal, by which the section's class is chosen.
    """

    keeps_state: ClassVar[bool]

    name: str

    @abstractmethod
    def build(self, seed: int, space: SearchSpace) -> BaseSampler:
        """Optuna's sampler of one proposal.

        Args:
            seed: of the trial's index.
            space: that of the stage, with its conditions, which a study of trials does not show.
        """


def refuse_state(sampler: Sampler) -> None:
    """Refuse a sampler that cannot resume.

    Raises:
        UserError: the sampler keeps state.
    """
    if sampler.keeps_state:
        raise UserError(
            f"The sampler {sampler.name} remembers more than the study stores, so a resumed stage would propose other trials: "
            "choose another sampler."
        )
