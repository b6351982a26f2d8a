"""The search space: what a trial's parameters may be, and when each of them exists."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from psy_agents.errors import UserError

_KEYS = {
    "float": {"type", "low", "high", "log", "step", "when"},
    "int": {"type", "low", "high", "log", "step", "when"},
    "categorical": {"type", "choices", "when"},
}


@dataclass(frozen=True)
class Parameter:
    """One hyper-parameter: its distribution, and the earlier parameters' values with which it exists."""

    name: str
    distribution: BaseDistribution
    when: Mapping[str, tuple[Any, ...]]

    def active(self, params: Mapping[str, Any]) -> bool:
        """Whether every condition holds; an earlier parameter that is itself off meets none."""
        return all(earlier in params and params[earlier] in allowed for earlier, allowed in self.when.items())

    def allows(self, value: Any) -> bool:
        """Whether the value is one that a trial may have."""
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return any(value == choice and type(value) is type(choice) for choice in distribution.choices)
        if not _is_number(value) or not distribution.low <= value <= distribution.high:
            return False
        if isinstance(distribution, IntDistribution) and value != int(value):
            return False
        return distribution.step is None or _on_grid(value - distribution.low, distribution.step)

    def describe(self) -> str:
        """The allowed values in words."""
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return "one of " + ", ".join(map(str, distribution.choices))
        kind = "a whole number" if isinstance(distribution, IntDistribution) else "a number"
        step = distribution.step if distribution.step not in (None, 1) else None
        return f"{kind} from {distribution.low} to {distribution.high}" + (f" in steps of {step}" if step else "")


class SearchSpace:
    """Parameters in the order in which they are drawn; a condition looks only at earlier ones."""

    def __init__(self, parameters: Sequence[Parameter], known: Mapping[str, Any]) -> None:
        self.parameters = tuple(parameters)
        self._known = dict(known)

    @classmethod
    def from_config(cls, mapping: Mapping[str, Mapping[str, Any]], known: Mapping[str, Any]) -> SearchSpace:
        """Read a space such as ``{learning_rate: {type: float, low: 1.0e-5, high: 1.0e-3, log: true}}``.

        Args:
            mapping: a specification for each parameter: ``type`` float or int with ``low``, ``high`` and
                optionally ``log`` or ``step``; ``type`` categorical with ``choices``; each optionally with
                ``when: {earlier parameter: [values]}``, all of which must hold.
            known: every parameter that the objective understands, with its default.

        Raises:
            UserError: a name, key, range or condition is wrong; the message names the parameter.
        """
        parameters: dict[str, Parameter] = {}
        for name, spec in mapping.items():
            if name not in known:
                raise UserError(f"Search space: there is no parameter {name!r}{_suggestion(name, known)}.")
            if not isinstance(spec, Mapping):
                raise UserError(f"Search space: {name} must be a mapping such as {{type: float, low: 0, high: 1}}.")
            distribution = _distribution(name, spec)
            parameters[name] = Parameter(name, distribution, _conditions(name, spec.get("when"), parameters, mapping))
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

    def complete(self, baseline: Mapping[str, Any]) -> dict[str, Any]:
        """Check a baseline and fill in the defaults of the active parameters that it leaves out.

        Raises:
            UserError: a name, a value, a condition or a needed default does not fit the space.
        """
        names = [parameter.name for parameter in self.parameters]
        for name in baseline:
            if name not in names:
                raise UserError(f"Baseline: {name!r} is not in the search space{_suggestion(name, names)}.")
        params: dict[str, Any] = {}
        for parameter in self.parameters:
            name, given = parameter.name, parameter.name in baseline
            if not parameter.active(params):
                if given:
                    conditions = " and ".join(f"{k} is {' or '.join(map(str, v))}" for k, v in parameter.when.items())
                    raise UserError(f"Baseline: {name} exists only when {conditions}: leave it out.")
                continue
            value = baseline[name] if given else self._known[name]
            if not parameter.allows(value):
                source = "is" if given else "is left out, and its default is"
                raise UserError(f"Baseline: {name} {source} {value!r}, but the search space wants {parameter.describe()}.")
            if isinstance(parameter.distribution, FloatDistribution):
                value = float(value)
            elif isinstance(parameter.distribution, IntDistribution):
                value = int(value)
            params[name] = value
        return params

    def distributions(self, params: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """The distributions of resolved parameters."""
        return {p.name: p.distribution for p in self.parameters if p.name in params}

    def canonical(self) -> list[dict[str, Any]]:
        """Plain data that is equal exactly for equal spaces; the order counts, since draws follow it."""
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


def _suggestion(name: str, names: Any) -> str:
    close = difflib.get_close_matches(str(name), sorted(str(n) for n in names), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}" if close else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _on_grid(distance: float, step: float) -> bool:
    return abs(distance / step - round(distance / step)) < 1e-6


def _distribution(name: str, spec: Mapping[str, Any]) -> BaseDistribution:
    kind = spec.get("type")
    if kind not in _KEYS:
        raise UserError(f"Search space: {name} has type {kind!r}; choose float, int or categorical.")
    for key in spec:
        if key not in _KEYS[kind]:
            raise UserError(f"Search space: {name} ({kind}) has no setting {key!r}{_suggestion(key, _KEYS[kind])}.")
    return _categorical(name, spec) if kind == "categorical" else _numeric(name, kind, spec)


def _categorical(name: str, spec: Mapping[str, Any]) -> CategoricalDistribution:
    choices = spec.get("choices")
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices:
        raise UserError(f"Search space: {name} needs choices, a list of at least one value.")
    for index, choice in enumerate(choices):
        if choice is not None and not isinstance(choice, bool | int | float | str):
            raise UserError(f"Search space: {name} may choose only among plain values, not a {type(choice).__name__}.")
        if choice in choices[:index]:
            raise UserError(f"Search space: {name} lists the choice {choice!r} twice.")
    return CategoricalDistribution(tuple(choices))


def _numeric(name: str, kind: str, spec: Mapping[str, Any]) -> BaseDistribution:
    wanted = "a whole number" if kind == "int" else "a number"
    for key in ("low", "high", "step"):
        value = spec.get(key)
        if value is None and key == "step":
            continue
        if value is None:
            raise UserError(f"Search space: {name} needs {key}.")
        if not _is_number(value) or (kind == "int" and not isinstance(value, int)):
            hint = f" (write {float(value)!r})" if isinstance(value, str) and _reads_as_number(value) else ""
            raise UserError(f"Search space: {name} has {key} {value!r}, which is not {wanted}{hint}.")
    low, high, step, log = spec["low"], spec["high"], spec.get("step"), spec.get("log", False)
    if not isinstance(log, bool):
        raise UserError(f"Search space: {name} has log {log!r}; write true or false.")
    if low >= high:
        raise UserError(f"Search space: {name} has low {low} and high {high}; low must be below high.")
    if log and low <= 0:
        raise UserError(f"Search space: {name} is on a log scale, so low must be above 0, not {low}.")
    if step is not None:
        if log:
            raise UserError(f"Search space: {name} cannot have both log and step.")
        if step <= 0 or not _on_grid(high - low, step):
            raise UserError(f"Search space: {name} has step {step}, which does not lead from {low} to {high}.")
    if kind == "int":
        return IntDistribution(low, high, log=log, step=step or 1)
    return FloatDistribution(float(low), float(high), log=log, step=None if step is None else float(step))


def _reads_as_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _conditions(
    name: str, when: Any, earlier: Mapping[str, Parameter], mapping: Mapping[str, Any]
) -> dict[str, tuple[Any, ...]]:
    if when is None:
        return {}
    if not isinstance(when, Mapping) or not when:
        raise UserError(f"Search space: {name} has a when that is not a mapping such as {{loss: [focal]}}.")
    conditions = {}
    for other, values in when.items():
        if other not in earlier:
            place = "comes later: move it up" if other in mapping and other != name else "is not in the search space"
            raise UserError(f"Search space: {name} depends on {other!r}, which {place}.")
        values = tuple(values) if isinstance(values, Sequence) and not isinstance(values, str) else (values,)
        if not values:
            raise UserError(f"Search space: {name} depends on no value of {other}: list at least one.")
        for value in values:
            if not earlier[other].allows(value):
                wanted = earlier[other].describe()
                raise UserError(f"Search space: {name} waits for {other} to be {value!r}, but it is {wanted}.")
        conditions[other] = values
    return conditions
