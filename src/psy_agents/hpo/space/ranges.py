"""The range of one hyper-parameter in ``parameters_search_space.yml``: numbers or choices, and the condition for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat, StrictBool, StrictInt, model_validator

from psy_agents.files.schema import Schema

if TYPE_CHECKING:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution


def _number(value: Any) -> Any:
    """Refuse text with a hint: YAML reads 1e-5 as text, and 1.0e-5 as a number."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    if isinstance(value, str):
        raise ValueError(f"must be a number{_written(value)}")
    return value


def _written(text: str) -> str:
    try:
        return f": write {float(text)!r}"
    except ValueError:
        return ""


def _plain(value: Any) -> Any:
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError("must be a number, a text, true, false or null")
    return value


def _several(value: Any) -> Any:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"lists {value!r} twice")
    return values


Number = Annotated[FiniteFloat, BeforeValidator(_number)]
Scalar = Annotated[Any, AfterValidator(_plain)]
Values = Annotated[tuple[Scalar, ...], Field(min_length=1), BeforeValidator(_several)]


class _Range(Schema):
    when: dict[str, Values] = Field(
        {}, description="Condition: allowed values of earlier parameters, such as {loss: [focal]}. All of them must hold."
    )


class _NumberRange(_Range):
    @model_validator(mode="after")
    def _check(self) -> Self:
        low, high, step = self.low, self.high, self.step
        if low >= high:
            raise ValueError(f"low is {low:g} and high is {high:g}: low must be below high")
        if self.log and low <= 0:
            raise ValueError(f"low is {low:g}: on a log scale it must be above 0")
        if step is None:
            return self
        if self.log:
            raise ValueError("has both log and step: choose one")
        if step <= 0 or not on_grid(high - low, step):
            raise ValueError(f"step is {step:g}, which does not lead from {low:g} to {high:g}")
        return self


class FloatRange(_NumberRange):
    """Numbers from low to high."""

    type: Literal["float"] = Field(description="Numbers.")
    low: Number = Field(description="The smallest value.")
    high: Number = Field(description="The largest value.")
    log: StrictBool = Field(False, description="Draws values on a log scale.")
    step: Number | None = Field(None, description="Distance between values; null: any number.")

    def distribution(self) -> FloatDistribution:
        """The range as an Optuna distribution."""
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)


class IntRange(_NumberRange):
    """Whole numbers from low to high."""

    type: Literal["int"] = Field(description="Whole numbers.")
    low: StrictInt = Field(description="The smallest value.")
    high: StrictInt = Field(description="The largest value.")
    log: StrictBool = Field(False, description="Draws values on a log scale.")
    step: StrictInt | None = Field(None, description="Distance between values; null: 1.")

    def distribution(self) -> IntDistribution:
        """The range as an Optuna distribution."""
        from optuna.distributions import IntDistribution

        return IntDistribution(self.low, self.high, log=self.log, step=self.step or 1)


class Choices(_Range):
    """One of several values."""

    type: Literal["categorical"] = Field(description="Choices.")
    choices: Annotated[tuple[Scalar, ...], Field(min_length=1), AfterValidator(_different)] = Field(description="The values.")

    def distribution(self) -> CategoricalDistribution:
        """The range as an Optuna distribution."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.choices)


Range = Annotated[FloatRange | IntRange | Choices, Field(discriminator="type")]


def on_grid(distance: float, step: float) -> bool:
    """Whether the distance is a whole number of steps."""
    return math.isclose(distance / step, round(distance / step), rel_tol=0, abs_tol=1e-6)
