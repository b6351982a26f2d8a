"""Fixtures that write a raw file and read it."""

import pytest
from support.corpus.raw_files import one_sentence

from psy_agents.corpus.reading.tables import read_json, read_table
from psy_agents.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.fixture
def read(tmp_path):
    """Writes a file and reads it."""

    def written_and_read(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_json(path) if name.endswith(".json") else read_table(path)

    return written_and_read


@pytest.fixture
def refusal(read):
    """Writes a file that is refused, and gives the sentence."""

    def message_of(name, content):
        with pytest.raises(UserError) as error:
            read(name, content)
        return one_sentence(error.value, name)

    return message_of
