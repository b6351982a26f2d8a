"""The base class of schemas: nothing unknown goes in, and nothing changes afterwards."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from pydantic import ValidationError

from psy_agents.files.schema import UNQUOTED_OFF, Schema, Seed, UserPath


class Size(Schema):
    width: int


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Size(width=1, height=2)


def test_an_instance_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Size(width=1).width = 2


class Place(Schema):
    seed: Seed
    path: UserPath


def test_a_seed_is_what_every_generator_takes_and_a_tilde_is_the_home_folder():
    with pytest.raises(ValidationError, match="less than 4294967296"):
        Place(seed=2**32, path="a")
    assert Place(seed=2**32 - 1, path="~/a.csv").path == Path.home() / "a.csv"


class Graphs(Schema):
    graphs: Annotated[Literal["auto", "off"], UNQUOTED_OFF] = "auto"


def test_off_needs_no_quotes_in_yaml():
    assert Graphs(graphs=yaml.safe_load("off")).graphs == Graphs(graphs="off").graphs == "off"
    for value in (True, None, 0):
        with pytest.raises(ValidationError, match="'auto' or 'off'"):
            Graphs(graphs=value)
