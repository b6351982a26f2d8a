"""The reference names every parameter that a pipeline reads, and says of each what it does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args

import pytest
from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel, Field

from psy_agents.pipeline_registry import register_pipelines
from psy_agents.pipelines.bundles import BUNDLES
from psy_agents.training.config import HyperParameters

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"


def documents_tool(name: str) -> ModuleType:
    """A module of docs/tools, which only MkDocs finds by its name."""
    spec = spec_from_file_location(name, ROOT / "docs" / "tools" / f"{name}.py")
    sys.modules[name] = module_from_spec(spec)  # Dataclasses look there.
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


reference = documents_tool("parameters_reference")


def read_by_nodes() -> Iterator[tuple[str, type]]:
    """Each parameter that a node reads, by itself or in a bundle, with its type."""
    for name, kind in TypeExtractor(register_pipelines()).extract_types_from_pipelines().items():
        if name not in BUNDLES:
            yield name, kind
            continue
        for field, section in BUNDLES[name].sections.items():
            annotation = kind.model_fields[field].annotation
            if isinstance(section, str):
                yield section, annotation
            else:
                yield from ((each, get_args(annotation)[1]) for each in section.values())


def test_every_parameter_that_a_node_reads_has_its_section():
    models = {place: model for place, model in read_by_nodes() if issubclass(model, BaseModel)}
    assert {"hpo.stage0", "preprocessing", "search_space", "training"} <= set(models)
    found = {place: section.model for section in reference.sections() for place in section.places}
    assert {place: found.get(place) for place in models} == models


@pytest.mark.parametrize("model", [*(section.model for section in reference.sections()), HyperParameters], ids=lambda model: model.__name__)
def test_every_parameter_has_a_description(model):
    assert [name for name in model.model_fields if not reference.description(model, name)] == []


def test_a_parameter_without_a_description_would_be_seen():
    class Silent(BaseModel):
        """Words about the class.

        Attributes:
            documented: what it does,
                over two lines; ``None`` leaves it out.
        """

        documented: int | None = None
        by_field: int = Field(1, description="By itself.")
        untold: int = 1

    assert reference.description(Silent, "documented") == "What it does, over two lines; `null` leaves it out."
    assert reference.description(Silent, "by_field") == "By itself."
    assert reference.description(Silent, "untold") == ""


def test_types_and_limits_are_words():
    class Limited(BaseModel):
        share: float = Field(0.5, gt=0, le=1)
        count: int | None = Field(None, ge=1)
        which: Literal["a", "b"] = "a"
        each: tuple[int, ...] = Field((1,), min_length=1)

    assert [reference.kind_of(field).replace("&nbsp;", " ") for field in Limited.model_fields.values()] == [
        "number, > 0 and ≤ 1",
        "whole number or null, ≥ 1",
        "`a` or `b`",
        "list, each whole number, at least 1 long",
    ]


def test_tables_hold_every_name_and_the_values_of_conf():
    rows = reference.parameters_reference(CONF).replace("&nbsp;", " ").splitlines()
    for section in reference.sections():
        assert f"### {section.title}" in rows
        for name in section.model.model_fields:
            assert any(row.startswith(f"| `{name}` |") for row in rows), (section, name)
    # One place holds it, several agree, several differ, and none but the type holds it.
    described = "Permutations of the paired tests of agents with each other and with baselines."
    assert f"| `permutations` | whole number, ≥ 100 | `10000` | `10000` | {described} |" in rows
    (epochs,) = [row for row in rows if row.startswith("| `epochs` | whole number")]  # Not those of the rungs.
    assert "stage0: `${env_int:HPO_EPOCHS,3}`<br>stage1: `${env_int:HPO_EPOCHS,10}`" in epochs
    (total,) = [row for row in rows if row.startswith("| `total` |")]
    assert "| `null` |  |" in total


def test_the_page_holds_the_tables_as_they_are_generated():
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    assert reference.with_tables(page, CONF) == page, "run python docs/tools/parameters_reference.py"


def test_hyperparameters_show_their_agents_and_their_searched_ranges():
    rows = {row.split("`")[1]: row for row in reference.hyperparameters_reference(CONF).splitlines() if row.startswith("| `")}
    assert set(rows) == set(HyperParameters.model_fields)
    assert "| joint |" in rows["fusion"] and "| criteria, share, joint |" in rows["focal_gamma"] and "| all |" in rows["batch_size"]
    assert "0.5 to 4, with loss focal" in rows["focal_gamma"]
    assert "| 0.3 to 0.6 | 0.5 to 5 (log) | 0.5 to 5 (log) | 0.3 to 5 |" in rows["negative_ratio"]


def test_the_files_hold_only_what_the_reference_shows():
    """Sections of conf/base are sections of the reference; what stands in one is checked by every run."""
    assert set(reference.base_values(CONF)) == {section.places[0] for section in reference.sections() if "." not in section.places[0]}
    assert set(reference.base_values(CONF)["search_space"]["large"]) <= set(HyperParameters.model_fields)
