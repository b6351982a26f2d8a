"""What the documents quote is there: messages, commands, names of files, and the version."""

from __future__ import annotations

import ast
import math
import re
import shlex
import tomllib
from functools import lru_cache
from pathlib import Path

import pytest
import yaml
from kedro.framework.cli.project import run
from pydantic import BaseModel

import psy_agents
from psy_agents.agents.registry import AGENTS
from psy_agents.app.parameter_errors import RUN_OPTIONS
from psy_agents.app.parameters import Parameters
from psy_agents.pipeline_registry import register_pipelines
from psy_agents.reporting.search.closing_box import print_box
from psy_agents.training.config import HyperParameters

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What the example of docs/how_to/own_corpus.md makes, and the name that a reader is to put in.
MADE_UP = {"anxiety", "<name>"}


@lru_cache(maxsize=1)
def strings_of_the_code() -> tuple[str, ...]:
    """Every string of the code, with … for what is filled in."""
    found = []
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return tuple(" ".join(text.split()) for text in found)


def quoted_messages() -> list[str]:
    text = (ROOT / "docs" / "reference" / "troubleshooting.md").read_text(encoding="utf-8")
    return [" ".join(message.split()) for message in re.findall(r"^```text\n(.*?)^```$", text, re.M | re.S)]


def test_troubleshooting_quotes_many_messages():
    assert len(quoted_messages()) == len(set(quoted_messages())) > 30


@pytest.mark.parametrize("message", quoted_messages(), ids=lambda message: message[:40])
def test_the_code_holds_what_troubleshooting_quotes(message):
    assert len(message.replace("…", "").strip()) > 15
    assert any(message in text for text in strings_of_the_code())


def commands() -> list[tuple[str, str]]:
    """Every ``kedro run`` of the documents, by the document's name."""
    found = []
    for path in DOCUMENTS:
        blocks = re.findall(r"```bash\n(.*?)```|`(kedro run [^`]*)`", path.read_text(encoding="utf-8"), re.S)
        for line in "\n".join(block or inline for block, inline in blocks).splitlines():
            if match := re.search(r"kedro run\b.*", line):
                found.append((path.name, match[0].split("  #")[0]))
    return found


def test_the_documents_hold_commands():
    assert {name for name, _ in commands()} >= {"README.md", "quick_start.md", "own_corpus.md", "redsm5.md", "cluster.md"}


@pytest.mark.parametrize(("name", "command"), commands(), ids=[f"{name}-{number}" for number, (name, _) in enumerate(commands())])
def test_commands_name_pipelines_environments_and_parameters_that_are_there(name, command):
    words = shlex.split(command.replace("...", "").replace("…", ""))
    options = dict(zip(words[2::2], words[3::2], strict=False))
    assert set(options) <= {option for parameter in run.params for option in parameter.opts}
    for pipeline in options.get("--pipeline", options.get("--pipelines", "__default__")).split(","):
        assert pipeline in register_pipelines()
    env = options.get("--env", "base")
    assert env in MADE_UP or (ROOT / "conf" / env).is_dir()
    for assignment in filter(None, options.get("--params", "").split(",")):
        parameter, _, value = assignment.partition("=")
        assert parameter in RUN_OPTIONS or exists(parameter), parameter
        assert parameter != "agent" or value in AGENTS or not value


def exists(parameter: str) -> bool:
    """Whether there is such a parameter, such as ``hpo.stage0.epochs``."""
    model = Parameters
    for number, part in enumerate(parameter.split(".")):
        if parameter.split(".")[:number] == ["training", "fixed"]:
            return part in HyperParameters.model_fields
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or part not in model.model_fields:
            return False
        model = first_type(model.model_fields[part].annotation)
    return True


def first_type(annotation: object) -> object:
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_the_documents_name_are_there(path):
    named = re.findall(r"`((?:conf/(?:base|test|template|redsm5)|src|notebooks|benchmarks|tests|docs)/[\w./-]+)`", path.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_citation_is_of_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format asks for
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert str(citation["version"]) == psy_agents.__version__
    assert (citation["title"], citation["license"]) == (project["name"], project["license"])
    assert all(set(author) <= {"name", "family-names", "given-names"} for author in citation["authors"])


def test_the_badges_say_what_the_project_says():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("`python >")]
    badges = dict(badge.split(" ") for badge in re.findall(r"`(.+?)`", line))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert badges.pop("python") == project["requires-python"]
    assert badges.pop("license") == project["license"]
    assert {f"{name}=={version}" for name, version in badges.items()} <= set(project["dependencies"]) and len(badges) > 2


def test_the_readme_is_under_two_screens_and_installs_in_three_lines():
    """Of a terminal of 50 lines and 140 columns."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert sum(max(1, math.ceil(len(line) / 140)) for line in text.splitlines()) < 2 * 50
    picture, installation, output, table = (text.index(part) for part in ("\n![", "```bash\n", "```text\n", "| I have | run |"))
    assert picture < installation < output < table < text.index("## What it does")
    assert len(re.search(r"```bash\n(.+?)```", text, re.S)[1].splitlines()) == 3


def test_the_readmes_output_is_as_a_stage_prints_it(capsys, monkeypatch):
    (printed,) = re.findall(r"```text\n(╭.+?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    top, *lines = printed.splitlines()
    end = next(place for place, line in enumerate(lines) if line.startswith("╰"))
    rows = []
    for name, value in (re.fullmatch(r"│ (.*?) {2,}(\S.*?) *│", line).groups() for line in lines[:end]):
        if name:
            rows.append((name, value))
        else:
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {value}")
    monkeypatch.setenv("COLUMNS", str(len(top)))
    print_box(top.strip("╭─╮ "), rows, [tuple(line.strip().split(": ", 1)) for line in lines[end + 1 :]])
    assert capsys.readouterr().out == printed


def test_the_changelog_keeps_to_its_format():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.+?)\]", text, re.M)
    assert versions[0] in ("Unreleased", psy_agents.__version__)
    kinds = re.findall(r"^### (.+)$", text, re.M)
    assert kinds and set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
