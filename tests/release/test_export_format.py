"""Export formats are found by the names of their files, and configured by them."""

import pytest
from pydantic import ValidationError
from support.small_export import CONFIG

from psy_agents.release.config import ExportConfig
from psy_agents.release.export_format import ExportFormat, export_format, format_names


def config(**values):
    return ExportConfig.model_validate({"environment": "local", "corpus": "meadow", **values})


def test_every_file_of_the_folder_is_a_format():
    assert format_names() == ["onnx"]
    for name in format_names():
        found = export_format(name)
        assert isinstance(found, ExportFormat) and found.title and found.file


def test_formats_are_a_list_or_one_word_of_the_command_line():
    assert config().formats == CONFIG.formats == ()
    assert config(formats=["onnx"]).formats == config(formats="onnx").formats == ("onnx",)
    assert config(formats="onnx+onnx").formats == ("onnx", "onnx")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"formats": ["onx"]}, "there is no export format onx \\(there are: onnx\\)"),
        ({"onnx": True}, "onnx is now one of formats: write formats: \\[onnx\\] in place of onnx: true"),
    ],
)
def test_an_unknown_format_and_the_old_name_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        config(**values)
