"""The base class of every schema: parameters, JSON files, records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""A seed: what numpy's older generators take."""
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
"""A path as a user writes it: ``~`` is the home folder."""
UNQUOTED_OFF = BeforeValidator(lambda value: "off" if value is False else value)
"""For a setting that may be ``off``: YAML reads an unquoted ``off`` as false."""


class Schema(BaseModel):
    """A pydantic model whose instances are frozen and that refuses unknown fields."""

    # Built at first use: a command reads few of the schemas that it imports.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def parameter_text(value: Any) -> str:
    """A parameter's value as ``--params`` takes it: ``true``, ``null``, and text without quotes."""
    return value if isinstance(value, str) else json.dumps(value)
