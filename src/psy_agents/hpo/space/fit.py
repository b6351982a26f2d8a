"""Whether a search space fits an encoder: its layers, its positions, and the learning rates that its depth allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from optuna.distributions import CategoricalDistribution

from psy_agents.agents.encoders.shape import EncoderShape
from psy_agents.errors import ParameterError
from psy_agents.hpo.space.search_space import SearchSpace

DEEP = 12  # Layers of a base encoder.
DEEP_RATE = 2e-4
"""Highest learning rate of a space for encoders that are trained as a whole, with room above what is recommended: at most 5e-5 (Devlin
et al. 2019, section A.3, for BERT) and 3e-5 (Liu et al. 2019, table 10, for RoBERTa)."""


def check_fit(space: SearchSpace, fixed: Mapping[str, Any], name: str, encoder: str, shape: EncoderShape) -> None:
    """Refuse values that a trial with the encoder cannot have.

    Args:
        fixed: hyper-parameters of a trial that searches nothing, by name.
        name: of the space, in the configuration.

    Raises:
        ParameterError: more layers are frozen or re-initialised than there are, or windows are longer than the positions.
    """
    layers, positions = (shape.layers, "layers"), (shape.positions, "positions")
    limits = {"frozen_layers": layers, "reinitialised_layers": layers, "max_length": positions}
    for parameter, (limit, unit) in limits.items():
        highest, key = _highest(space, fixed, name, parameter)
        if highest > limit:
            raise ParameterError(key, f"{highest} is too high for {encoder}, which has {limit} {unit}")


def advice_on_rates(space: SearchSpace, fixed: Mapping[str, Any], name: str, encoder: str, shape: EncoderShape) -> Iterator[str]:
    """A sentence where the space has learning rates of small or frozen encoders, and the encoder is deep and trained as a whole."""
    rate, key = _highest(space, fixed, name, "learning_rate")
    trained = shape.layers - _lowest(space, fixed, "frozen_layers")
    if trained >= DEEP and rate > DEEP_RATE:
        yield (
            f"{'.'.join(key)}: up to {rate:g} for {encoder}, of which {trained} layers are trained: such rates are for small or frozen "
            f"encoders, and deep ones often diverge: use hpo.space=full"
        )


def _highest(space: SearchSpace, fixed: Mapping[str, Any], name: str, parameter: str) -> tuple[Any, tuple[str, ...]]:
    """The highest value of a parameter, and the key that sets it."""
    for each in space.parameters:
        if each.name == parameter:
            if isinstance(each.distribution, CategoricalDistribution):
                return max(each.distribution.choices), ("search_space", name, parameter, "choices")
            return each.distribution.high, ("search_space", name, parameter, "high")
    return fixed[parameter], ("training", "fixed", parameter)


def _lowest(space: SearchSpace, fixed: Mapping[str, Any], parameter: str) -> Any:
    for each in space.parameters:
        if each.name == parameter:
            categorical = isinstance(each.distribution, CategoricalDistribution)
            return min(each.distribution.choices) if categorical else each.distribution.low
    return fixed[parameter]
