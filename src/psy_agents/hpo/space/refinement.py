"""What a stage takes over from an earlier one: its best trials, the box around them, or all its trials as observations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from psy_agents.errors import UserError
from psy_agents.hpo.config import BoundingBox, CarryOver
from psy_agents.hpo.space.search_space import Parameter, SearchSpace
from psy_agents.hpo.study.observations import Observations, observed_studies, plain
from psy_agents.hpo.study.store import digest
from psy_agents.hpo.study.topk import TopK

Range = tuple[float, float]


@dataclass(frozen=True)
class Refinement:
    """A search that builds on an earlier study.

    Attributes:
        space: the refined space; the whole one where observations are carried over.
        first: parameters of the earlier study's best trials, best first. The new study runs them first.
        parent: name of the earlier study.
        trials: numbers of the trials that span the box or go first, best first.
        box: (low, high) of each parameter whose range was narrowed.
        whole: (low, high) of the same parameters before.
        observations: trials of earlier stages for the sampler, the earliest stage first, each with its score within its own stage.
        margin: what their scores lose in the new stage.
    """

    space: SearchSpace
    first: tuple[dict[str, Any], ...]
    parent: str
    trials: tuple[int, ...]
    box: Mapping[str, Range]
    whole: Mapping[str, Range]
    observations: Observations = ()
    margin: float = 0.0

    @property
    def earlier(self) -> Observations:
        """The observations with the scores that they have in the new stage."""
        return tuple(each.model_copy(update={"score": each.score - self.margin}) for each in self.observations)

    def identity(self) -> dict[str, Any] | None:
        """What the sampler observes, for the new study's identity; None where it observes nothing."""
        return {"digest": digest(plain(self.observations)), "margin": self.margin} if self.observations else None

    def describe(self) -> dict[str, Any]:
        """Plain data for the new study and its top-k list."""
        return {
            "study": self.parent,
            "trials": list(self.trials),
            "box": {name: list(bounds) for name, bounds in self.box.items()},
            "whole": {name: list(bounds) for name, bounds in self.whole.items()},
            "enqueued": len(self.first),
            "observed": observed_studies(self.observations),
        }

    def sentence(self) -> str:
        """The refinement as one line."""
        if self.observations:
            observed = ", ".join(f"{count} of {study}" for study, count in observed_studies(self.observations).items())
            return f"carries over from {self.parent}: the sampler observes {observed}; {len(self.first)} of its trials go first"
        narrowed = [f"{name} {low:.3g} to {high:.3g} (of {self._of(name)})" for name, (low, high) in self.box.items()]
        return (
            f"refines {self.parent} (trials {', '.join(map(str, self.trials))}): {'; '.join(narrowed) or 'no range is narrowed'}; "
            f"{len(self.first)} of its trials go first"
        )

    def _of(self, name: str) -> str:
        low, high = self.whole[name]
        return f"{low:.3g} to {high:.3g}"


def refine(space: SearchSpace, parent: TopK, config: BoundingBox) -> Refinement:
    """Narrow each numeric parameter to the bounding box of the parent's best trials.

    Perrone et al., NeurIPS 2019, section 4.1: the box is the minimum and maximum over the best configurations. Here
    these are the ``top`` best trials of one study. The box uses the parameter's scale (linear or log). It is padded on
    either side by ``padding`` of the whole width and clipped to the space. A parameter keeps its whole range if fewer
    than two of these trials have it. Categorical parameters keep all their choices.
    """
    best = parent.trials[: config.top]
    parameters, box, whole = [], {}, {}
    for parameter in space.parameters:
        values = [t.params[parameter.name] for t in best if parameter.name in t.params and parameter.allows(t.params[parameter.name])]
        narrowed = _narrowed(parameter, values, config.padding)
        if narrowed is not parameter:
            box[parameter.name] = narrowed.distribution.low, narrowed.distribution.high
            whole[parameter.name] = parameter.distribution.low, parameter.distribution.high
        parameters.append(narrowed)
    refined = space.with_parameters(parameters)
    return Refinement(refined, _first(refined, parent, config.enqueue), parent.study, tuple(trial.trial for trial in best), box, whole)


def carry_over(space: SearchSpace, parent: TopK, observations: Observations, config: CarryOver) -> Refinement:
    """Search the whole space; the parent's best go first, and the sampler observes all earlier trials.

    Feurer et al., "Initializing Bayesian hyperparameter optimization via meta-learning", AAAI 2015, start from another task's best;
    here the earlier task is the same one with fewer epochs, so its ranks hold for the whole space, too.

    Args:
        observations: those of `observations_of` the parent.
    """
    best = tuple(trial.trial for trial in parent.trials[: config.enqueue])
    return Refinement(space, _first(space, parent, config.enqueue), parent.study, best, {}, {}, observations, config.margin)


def _first(space: SearchSpace, parent: TopK, count: int) -> tuple[dict[str, Any], ...]:
    """Parameters of the parent's best trials as the space allows them, each once."""
    first: list[dict[str, Any]] = []
    for trial in parent.trials[:count]:
        adopted = _adopted(space, trial.params)
        if adopted is not None and adopted not in first:
            first.append(adopted)
    return tuple(first)


def _narrowed(parameter: Parameter, values: list[float], padding: float) -> Parameter:
    distribution = parameter.distribution
    if isinstance(distribution, CategoricalDistribution) or len(values) < 2:
        return parameter
    scale, back = (math.log, math.exp) if distribution.log else (float, float)
    bottom, top = scale(distribution.low), scale(distribution.high)
    room = padding * (top - bottom)
    lowest, highest = scale(min(values)) - room, scale(max(values)) + room
    # exp(log(x)) may differ from x by a rounding error, which must not cut off a value or the end of the range.
    low = distribution.low if lowest <= bottom else max(distribution.low, min(min(values), back(lowest)))
    high = distribution.high if highest >= top else min(distribution.high, max(max(values), back(highest)))
    low, high = _on_grid(distribution, low, high)
    if (low, high) == (distribution.low, distribution.high):
        return parameter
    narrow = type(distribution)(low, high, log=distribution.log, step=distribution.step)
    return replace(parameter, distribution=narrow)


def _on_grid(distribution: FloatDistribution | IntDistribution, low: float, high: float) -> Range:
    """Widen the box to values that the distribution can draw."""
    step = distribution.step
    if step is None:
        return low, high
    down = math.floor((low - distribution.low) / step + 1e-9)
    up = math.ceil((high - distribution.low) / step - 1e-9)
    # In decimals, as Optuna counts: in binary fractions 0.1 + 2 * 0.1 is not on the grid of 0.1.
    first, width = Decimal(str(distribution.low)), Decimal(str(step))
    kind = int if isinstance(distribution, IntDistribution) else float
    return kind(first + down * width), min(distribution.high, kind(first + up * width))


def _adopted(space: SearchSpace, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters as a trial of the space. Defaults replace values outside of it; None if a default is outside, too."""
    try:
        return space.complete(space.allowed(params))
    except UserError:
        return None
