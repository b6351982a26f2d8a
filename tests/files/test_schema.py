"""The base class of schemas: nothing unknown goes in, and nothing changes afterwards."""

import pytest
from pydantic import ValidationError

from psy_agents.files.schema import Schema


class Size(Schema):
    width: int


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Size(width=1, height=2)


def test_an_instance_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Size(width=1).width = 2
