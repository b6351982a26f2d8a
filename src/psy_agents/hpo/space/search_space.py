"""The search space: distributions of the parameters and their conditions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import TypeAdapter, ValidationError

from psy_agents.errors import ParameterError, suggestion
from psy_agents.hpo.space.ranges import Choices, FloatRange, IntRange, Range, on_grid

_RANGE = TypeAdapter(Range)


@dataclass(frozen=True)
class Parameter:
    """One hyper-parameter: its distribution, and its condition on earlier parameters."""

    name: str
    distribution: BaseDistribution
    when: Mapping[str, tuple[Any, ...]]

    def active(self, params: Mapping[str, Any]) -> bool:
        """Whether the condition holds. It does not if an earlier parameter is inactive."""
        return all(earlier in params and params[earlier] in allowed for earlier, allowed in self.when.items())

    def allows(self, value: Any) -> bool:
        """Whether a trial may have this value."""
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return any(value == choice and type(value) is type(choice) for choice in distribution.choices)
        if not _is_number(value) or not distribution.low <= value <= distribution.high:
            return False
        if isinstance(distribution, IntDistribution) and value != int(value):
            return False
        return distribution.step is None or on_grid(value - distribution.low, distribution.step)

    @property
    def bounds(self) -> tuple[Any, Any]:
        """The lowest and the highest value of a parameter of numbers."""
        if isinstance(self.distribution, CategoricalDistribution):
            return min(self.distribution.choices), max(self.distribution.choices)
        return self.distribution.low, self.distribution.high

    def describe(self) -> str:
        """The allowed values, for error messages."""
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return "one of " + ", ".join(map(str, distribution.choices))
        kind = "a whole number" if isinstance(distribution, IntDistribution) else "a number"
        step = distribution.step if distribution.step not in (None, 1) else None
        return f"{kind} from {distribution.low} to {distribution.high}" + (f" in steps of {step}" if step else "")


class SearchSpace:
    """Parameters in the order in which they are drawn. A condition refers to earlier parameters only."""

    def __init__(self, parameters: Sequence[Parameter], known: Mapping[str, Any]) -> None:
        self.parameters = tuple(parameters)
        self._known = dict(known)

    @classmethod
    def from_config(cls, ranges: Mapping[str, Any], known: Mapping[str, Any], place: tuple[str, ...] = ()) -> SearchSpace:
        """Read a space such as ``{learning_rate: {type: float, low: 1.0e-5, high: 1.0e-3, log: true}}``.

        Args:
            ranges: by parameter a `Range`, or a mapping that validates as one.
            known: all parameters that the objective knows, with their defaults.
            place: key of the ranges in the configuration, for error messages.

        Raises:
            ParameterError: a name, range or condition is wrong.
        """
        parameters: dict[str, Parameter] = {}
        for name, given in ranges.items():
            if name not in known:
                raise ParameterError((*place, name), f"there is no such parameter{suggestion(name, known)}")
            each = _range((*place, name), given)
            parameters[name] = Parameter(name, each.distribution(), each.when)
            _check_conditions(parameters[name], parameters, ranges, (*place, name, "when"))
        return cls(tuple(parameters.values()), known)

    def with_parameters(self, parameters: Sequence[Parameter]) -> SearchSpace:
        """The same defaults with other distributions."""
        return SearchSpace(parameters, self._known)

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Draw the active parameters of a trial."""
        params: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.active(params):
                params[parameter.name] = _suggest(trial, parameter)
        return params

    def cases(self, names: Iterable[str]) -> Iterator[dict[str, Any]]:
        """What trials may have of some parameters together: each choice, and the ends of each range of numbers.

        Conditions hold, and the parameters that they name are in each case, too.
        """
        wanted, named = set(names), defaultdict(set)
        for parameter in reversed(self.parameters):  # A condition names earlier ones only.
            for earlier, values in parameter.when.items() if parameter.name in wanted else ():
                wanted.add(earlier)
                named[earlier].update(values)
        found: list[dict[str, Any]] = [{}]
        for parameter in self.parameters:
            if parameter.name in wanted:
                choice = isinstance(parameter.distribution, CategoricalDistribution)
                values = parameter.distribution.choices if choice else {*parameter.bounds, *named[parameter.name]}
                found = [
                    {**case, **each}
                    for case in found
                    for each in ([{parameter.name: value} for value in values] if parameter.active(case) else [{}])
                ]
        yield from found

    def complete(self, given: Mapping[str, Any], place: tuple[str, ...] = ()) -> dict[str, Any]:
        """Check a trial's parameters and add the defaults of missing active ones.

        Args:
            place: key of the trial in the configuration, for error messages.

        Raises:
            ParameterError: a name, a value, a condition or a needed default does not fit the space.
        """
        names = [parameter.name for parameter in self.parameters]
        for name in given:
            if name not in names:
                raise ParameterError((*place, name), f"it is not in the search space{suggestion(name, names)}")
        params: dict[str, Any] = {}
        for parameter in self.parameters:
            name = parameter.name
            if not parameter.active(params):
                if name in given:
                    conditions = " and ".join(f"{k} is {' or '.join(map(str, v))}" for k, v in parameter.when.items())
                    raise ParameterError((*place, name), f"it exists only when {conditions}: leave it out")
                continue
            value = given.get(name, self._known[name])
            if not parameter.allows(value):
                source = "" if name in given else "it is left out, and its default does not fit: "
                raise ParameterError((*place, name), f"{source}must be {parameter.describe()}, not {value!r}")
            if isinstance(parameter.distribution, FloatDistribution):
                value = float(value)
            elif isinstance(parameter.distribution, IntDistribution):
                value = int(value)
            params[name] = value
        return params

    def allowed(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What the space allows of a trial of another space: a value, or one whose condition does not hold, is left out by itself."""
        taken: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name in params and parameter.active(taken) and parameter.allows(params[parameter.name]):
                taken[parameter.name] = params[parameter.name]
        return taken

    def distributions(self, params: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """The distributions of a trial's parameters."""
        return {p.name: p.distribution for p in self.parameters if p.name in params}

    def canonical(self) -> list[dict[str, Any]]:
        """Plain data that is equal for equal spaces only. The order counts, because parameters are drawn in it."""
        return [
            {
                "name": parameter.name,
                "distribution": optuna.distributions.distribution_to_json(parameter.distribution),
                "when": {name: list(values) for name, values in parameter.when.items()},
            }
            for parameter in self.parameters
        ]


def _suggest(trial: optuna.Trial, parameter: Parameter) -> Any:
    name, distribution = parameter.name, parameter.distribution
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    draw = trial.suggest_int if isinstance(distribution, IntDistribution) else trial.suggest_float
    return draw(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf  # An int may be beyond any float.


def _range(key: tuple[str, ...], given: Any) -> FloatRange | IntRange | Choices:
    try:
        return _RANGE.validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        inner = tuple(map(str, first["loc"]))[1:]  # Without the union's tag.
        raise ParameterError((*key, *inner), first["msg"].removeprefix("Value error, ")) from None


def _check_conditions(parameter: Parameter, earlier: Mapping[str, Parameter], ranges: Mapping[str, Any], key: tuple[str, ...]) -> None:
    for other, values in parameter.when.items():
        if other not in earlier or other == parameter.name:
            later = other in ranges and other != parameter.name
            raise ParameterError((*key, other), "it comes later: move it up" if later else "it is not in the search space of this agent")
        for value in values:
            if not earlier[other].allows(value):
                raise ParameterError((*key, other), f"{other} is {earlier[other].describe()}, not {value!r}")
