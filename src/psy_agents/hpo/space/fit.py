"""Whether a search space fits an encoder: its layers, its positions, and the learning rates that its depth allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from optuna.distributions import CategoricalDistribution

from psy_agents.agents.encoders.limits import check_peft
from psy_agents.agents.encoders.shape import EncoderShape
from psy_agents.agents.registry import spec
from psy_agents.errors import ParameterError
from psy_agents.hpo.space.search_space import SearchSpace

DEEP = 12  # Layers of a base encoder.
DEEP_RATE = 2e-4
"""Highest learning rate of a space for encoders that are trained as a whole, with room above what is recommended: at most 5e-5 (Devlin
et al. 2019, section A.3, for BERT) and 3e-5 (Liu et al. 2019, table 10, for RoBERTa)."""


def check_fit(agent: str, space: SearchSpace, fixed: Mapping[str, Any], name: str, encoder: str, shape: EncoderShape) -> None:
    """Refuse values that a trial with the encoder cannot have.

    Args:
        agent: the agent's name.
        fixed: hyper-parameters of a trial that searches nothing, by name.
        name: of the space, in the configuration.

    Raises:
        ParameterError: more layers are frozen or re-initialised than there are, windows are longer than the positions, a decoder's
            first token is pooled, which has read nothing, or adapters meet layers that are re-initialised or frozen throughout.
        UserError: there are adapters, and peft is not installed.
    """
    layers, positions = (shape.layers, "layers"), (shape.positions, "positions")
    limits = {"frozen_layers": layers, "reinitialised_layers": layers, "max_length": positions}
    for parameter, (limit, unit) in limits.items():
        highest = max(case[parameter] for case in _cases(space, fixed, encoder, parameter))
        if highest > limit:
            raise ParameterError(key_of(space, name, parameter), f"{highest} is too high for {encoder}, which has {limit} {unit}")
    causal = ("causal",) if spec(agent).predicts_evidence else ("causal", "auto")
    for case in _cases(space, fixed, encoder, "attention", "pooling"):
        if shape.causal and case["attention"] in causal and spec(agent).reads("pooling") and case["pooling"] == "cls":
            problem = f"cls is the first token, and that of {encoder} has read nothing: leave cls out, or use hpo.pinned.pooling=last"
            raise ParameterError(key_of(space, name, "pooling"), problem)
    _check_adapters(space, fixed, name, encoder, shape)


def _check_adapters(space: SearchSpace, fixed: Mapping[str, Any], name: str, encoder: str, shape: EncoderShape) -> None:
    for case in _cases(space, fixed, encoder, "lora_rank", "reinitialised_layers", "frozen_layers"):
        if not case["lora_rank"]:
            continue
        check_peft()
        if case["reinitialised_layers"]:
            problem = f"{case['reinitialised_layers']} with adapters (lora_rank), which leave the encoder's own layers as they are: use 0"
            raise ParameterError(key_of(space, name, "reinitialised_layers"), problem)
        if case["frozen_layers"] >= shape.layers:
            problem = f"{case['frozen_layers']} leaves none of the {shape.layers} layers of {encoder} for adapters (lora_rank): use fewer"
            raise ParameterError(key_of(space, name, "frozen_layers"), problem)


def _cases(space: SearchSpace, fixed: Mapping[str, Any], encoder: str, *parameters: str) -> Iterator[dict[str, Any]]:
    """The hyper-parameters of trials with the encoder that differ in these parameters, see `SearchSpace.cases`."""
    cases = space.cases(("encoder", *parameters))
    return ({**fixed, **case} for case in cases if case.get("encoder", encoder) == encoder)


def advice_on_rates(space: SearchSpace, fixed: Mapping[str, Any], name: str, encoder: str, shape: EncoderShape) -> Iterator[str]:
    """A sentence where the space has learning rates of small or frozen encoders, and the encoder is deep and trained as a whole."""
    _, rate = bounds_of(space, fixed, "learning_rate")
    trained = shape.layers - bounds_of(space, fixed, "frozen_layers")[0]
    if trained >= DEEP and rate > DEEP_RATE:
        key = ".".join(key_of(space, name, "learning_rate"))
        yield (
            f"{key}: up to {rate:g} for {encoder}, of which {trained} layers are trained: such rates are for small or frozen "
            f"encoders, and deep ones often diverge: use hpo.space=full"
        )


def bounds_of(space: SearchSpace, fixed: Mapping[str, Any], parameter: str) -> tuple[Any, Any]:
    """The lowest and the highest value that a trial may have."""
    searched = {each.name: each for each in space.parameters}
    return searched[parameter].bounds if parameter in searched else (fixed[parameter], fixed[parameter])


def key_of(space: SearchSpace, name: str, parameter: str, end: str = "high") -> tuple[str, ...]:
    """Where the configuration sets the lowest or the highest value."""
    for each in space.parameters:
        if each.name == parameter:
            return "search_space", name, parameter, "choices" if isinstance(each.distribution, CategoricalDistribution) else end
    return "training", "fixed", parameter
