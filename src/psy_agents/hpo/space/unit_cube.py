"""Configurations of a search space as points of a cube, which models of the objective and distances need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, IntDistribution

from psy_agents.hpo.space.search_space import Parameter, SearchSpace

MIDDLE = 0.5  # Where a parameter of numbers is that a configuration lacks.
CORNER = 0.5**0.5  # Two choices are as far from each other as the ends of a range.


class UnitCube:
    """A space's configurations as points, and points of a sampler as configurations.

    A *point* (columns) is what a model sees: a number by its place in the range, in the parameter's own scale, and a choice as a
    corner, one column for each. A parameter whose condition does not hold is in the middle, or in no corner.

    A *draw* (parameters) in [0, 1) gives each parameter a value, whether its condition holds or not: uniform draws are random search.

    Attributes:
        owner: (columns) The index of each column's parameter.
        is_choice: (parameters) Whether a parameter is categorical.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._parameters = space.parameters
        by_name = {each.name: each for each in space.parameters}
        self._conditions = [
            {earlier: [_code(by_name[earlier], value) for value in allowed] for earlier, allowed in each.when.items()}
            for each in space.parameters
        ]
        self.is_choice = np.array([_is_choice(each) for each in self._parameters], dtype=bool)
        widths = [len(each.distribution.choices) if _is_choice(each) else 1 for each in self._parameters]
        self.owner = np.repeat(np.arange(len(widths)), widths)

    def point(self, params: Mapping[str, Any]) -> np.ndarray:
        """(columns) The point of a configuration."""
        found: list[float] = []
        for each in self._parameters:
            has = each.name in params
            if _is_choice(each):
                place = _code(each, params[each.name]) if has else -1
                found += [CORNER * (place == index) for index in range(len(each.distribution.choices))]
            else:
                found.append(float(_places(each, np.array([params[each.name]], dtype=float))[0]) if has else MIDDLE)
        return np.array(found)

    def draw(self, params: Mapping[str, Any]) -> np.ndarray:
        """(parameters) A draw that gives a configuration back; what the configuration lacks is in the middle."""
        return np.array([_draw(each, params[each.name]) if each.name in params else MIDDLE for each in self._parameters])

    def points(self, draws: np.ndarray) -> np.ndarray:
        """(rows, columns) The points of draws (rows, parameters)."""
        columns: list[np.ndarray] = []
        for each, (active, codes) in zip(self._parameters, self._decoded(draws), strict=True):
            if _is_choice(each):
                columns += [CORNER * (active & (codes == index)) for index in range(len(each.distribution.choices))]
            else:
                columns.append(np.where(active, _places(each, codes), MIDDLE))
        return np.stack(columns, axis=1)

    def configuration(self, draw: np.ndarray) -> dict[str, Any]:
        """The active parameters that a draw (parameters) gives."""
        decoded = zip(self._parameters, self._decoded(draw[None]), strict=True)
        return {each.name: _value(each, codes[0]) for each, (active, codes) in decoded if active[0]}

    def _decoded(self, draws: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """By parameter whether it is active (rows), and its number or the index of its choice (rows)."""
        found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for column, each, conditions in zip(draws.T, self._parameters, self._conditions, strict=True):
            active = np.ones(len(draws), dtype=bool)
            for earlier, allowed in conditions.items():
                is_active, codes = found[earlier]
                active &= is_active & np.isin(codes, allowed)
            found[each.name] = active, _codes(each, column)
        return list(found.values())


def _is_choice(parameter: Parameter) -> bool:
    return isinstance(parameter.distribution, CategoricalDistribution)


def _code(parameter: Parameter, value: Any) -> float:
    """A number itself, or the index of a choice: 1 and True are different choices."""
    if not _is_choice(parameter):
        return float(value)
    return next(i for i, choice in enumerate(parameter.distribution.choices) if choice == value and type(choice) is type(value))


def _bounds(parameter: Parameter) -> tuple[float, float]:
    """The ends of the parameter's own scale; those of whole numbers lie half a step outside, so that all are equally likely."""
    distribution = parameter.distribution
    half = (distribution.step or 0) / 2
    low, high = distribution.low - half, distribution.high + half
    return (np.log(low), np.log(high)) if distribution.log else (low, high)


def _codes(parameter: Parameter, draws: np.ndarray) -> np.ndarray:
    distribution = parameter.distribution
    if isinstance(distribution, CategoricalDistribution):
        return np.minimum(draws * len(distribution.choices), len(distribution.choices) - 1).astype(int)
    low, high = _bounds(parameter)
    numbers = low + draws * (high - low)
    numbers = np.exp(numbers) if distribution.log else numbers
    if distribution.step is not None:
        numbers = distribution.low + np.round((numbers - distribution.low) / distribution.step) * distribution.step
    return np.clip(numbers, distribution.low, distribution.high)


def _draw(parameter: Parameter, value: Any) -> float:
    """The middle of the draws that give a value."""
    if _is_choice(parameter):
        return (_code(parameter, value) + 0.5) / len(parameter.distribution.choices)
    low, high = _bounds(parameter)
    number = np.log(value) if parameter.distribution.log else value
    return float((number - low) / (high - low)) if high > low else MIDDLE


def _places(parameter: Parameter, numbers: np.ndarray) -> np.ndarray:
    low, high = parameter.distribution.low, parameter.distribution.high
    if high == low:
        return np.full(len(numbers), MIDDLE)
    if parameter.distribution.log:
        low, high, numbers = np.log(low), np.log(high), np.log(numbers)
    return (numbers - low) / (high - low)


def _value(parameter: Parameter, code: float) -> Any:
    if _is_choice(parameter):
        return parameter.distribution.choices[int(code)]
    return int(code) if isinstance(parameter.distribution, IntDistribution) else float(code)
