"""The configuration reference as Markdown tables: name, type, limits, defaults and description of each parameter.

``python docs/tools/parameters_reference.py`` writes them into docs/reference/configuration.md; a test says where they are out of date.
They are generated from `Parameters`, which refuses unknown names: the reference is complete. The description of a
field is its ``description``, its entry in the ``Attributes`` of its class, or, for a section, the first paragraph of the
class's docstring.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from psy_agents.agents.config import LossConfig, ModelConfig
from psy_agents.agents.registry import AGENTS, spec
from psy_agents.app.parameters import Parameters
from psy_agents.hpo.space.config import SPACES
from psy_agents.training.config import HyperParameters, OptimisationConfig

SHOWN_CHARACTERS = 80
NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path", NoneType: "null", Any: "any"}
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
LIMITS = {name: f"{sign}&nbsp;{{}}" for name, sign in SIGNS.items()} | {"min_length": "at least {} long", "pattern": "like `{}`"}


@dataclass(frozen=True)
class Section:
    """A model of parameters and all its keys, such as ``hpo.stage0``.

    Attributes:
        variant: the field that selects this model in a union, such as "name: median".
    """

    model: type[BaseModel]
    places: tuple[str, ...]
    variant: str = ""

    @property
    def title(self) -> str:
        """The first key, and the variant if there is one."""
        return f"{self.places[0]} ({self.variant})" if self.variant else self.places[0]


def sections() -> list[Section]:
    """All models of parameters, in the order of the fields."""
    places: dict[type[BaseModel], list[str]] = {}
    for place, model in _walk(Parameters, ""):
        places.setdefault(model, []).append(place)
    at = Counter(place for found in places.values() for place in found)
    return [Section(model, tuple(found), _variant(model) if at[found[0]] > 1 else "") for model, found in places.items()]


def _variant(model: type[BaseModel]) -> str:
    """The field with one possible value, which selects the model in its union."""
    fields = ((name, get_args(field.annotation)) for name, field in model.model_fields.items() if get_origin(field.annotation) is Literal)
    return next(f"{name}: {choices[0]}" for name, choices in fields if len(choices) == 1)


def description(model: type[BaseModel], name: str) -> str:
    """The description of a field as Markdown; empty if there is none."""
    field = model.model_fields[name]
    text = field.description or next(filter(None, (_attributes(base).get(name) for base in model.__mro__)), "")
    inner = _models(field.annotation)
    if not text and inner:
        text = inspect.cleandoc(inner[0].__doc__ or "").split("\n\n")[0].replace("\n", " ")
    text = re.sub(r"\bNone\b", "null", text.replace("``", "`"))
    # A description that starts with choices, such as "tpe:", keeps their spelling.
    return text if re.match(r"\w+(, \w+)*:", text) else text[:1].upper() + text[1:]


def base_values(conf: Path) -> dict[str, Any]:
    """The contents of the parameter files of ``conf/base``, with unresolved ``${...}``."""
    values: dict[str, Any] = {}
    for file in sorted((conf / "base").glob("parameters*.yml")):
        values |= yaml.safe_load(file.read_text(encoding="utf-8"))
    return values


def parameters_reference(conf: Path) -> str:
    """A heading and a table for each section."""
    values, every = base_values(conf), sections()
    anchors = {section.model: _anchor(section.title) for section in every}
    parts = []
    for section in every:
        others = section.places[1:]
        lines = [f"### {section.title}", ""]
        if others:
            lines += ["The same at " + ", ".join(f"`{place}`" for place in others) + ".", ""]
        lines += ["| name | what it may be | default | in conf/base | what it does |", "|---|---|---|---|---|"]
        for name, field in section.model.model_fields.items():
            inner = [model for model in _models(field.annotation) if model in anchors]
            kind = " or ".join(f"[section](#{anchors[model]})" for model in inner) if inner else kind_of(field)
            given = "" if inner else _given([f"{place}.{name}" for place in section.places], values)
            lines.append(_row(f"`{name}`", kind, "" if inner else _default(field), given, description(section.model, name)))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def hyperparameters_reference(conf: Path) -> str:
    """The hyper-parameters in three groups: the agents that read them, and their ranges in each search space."""
    space = base_values(conf)["search_space"]
    parts = []
    for group, title in ((ModelConfig, "Model"), (LossConfig, "Losses"), (OptimisationConfig, "Optimisation")):
        lines = [f"### {title}", ""]
        lines += ["| name | what it may be | default | read by | small space | full space | lora space | large space | what it changes |"]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        for name in group.model_fields:
            field = HyperParameters.model_fields[name]
            readers = [agent for agent in AGENTS if spec(agent).reads(name)]
            ranges = [_searched(space[size], name) for size in SPACES]
            read_by = "all" if len(readers) == len(AGENTS) else ", ".join(readers)
            lines.append(_row(f"`{name}`", kind_of(field), _default(field), read_by, *ranges, description(HyperParameters, name)))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def kind_of(field: FieldInfo) -> str:
    """The type and limits of a field."""
    limits = []
    for constraint in field.metadata:
        for name, words in LIMITS.items():
            value = getattr(constraint, name, None)
            if value is not None:
                limits.append(words.format(f"{value:g}" if isinstance(value, int | float) else value))
    kind = _kind(field.annotation)
    return kind if not limits else f"{kind}, {' and '.join(limits)}"


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_kind, inner)))
    if origin is dict:
        return f"mapping of {_kind(inner[0])} to {_kind(inner[1])}"
    if origin in (list, tuple):
        return f"list, each {_kind(inner[0])}"
    if hasattr(annotation, "__metadata__"):
        return _kind(annotation.__origin__)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return NAMES[annotation]


def _walk(model: type[BaseModel], place: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            below = f"{place}.{name}" if place else name
            yield below, inner
            yield from _walk(inner, below)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models within an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _attributes(model: type) -> dict[str, str]:
    """The entries of the section ``Attributes`` of a docstring."""
    docstring = inspect.cleandoc(model.__doc__ or "")
    _, found, section = docstring.partition("Attributes:\n")
    entries: dict[str, str] = {}
    name = ""
    for line in section.splitlines() if found else []:
        if line and not line.startswith(" "):
            break
        if start := re.match(r" {4}(\w+): (.*)", line):
            name = start[1]
            entries[name] = start[2]
        elif name:
            entries[name] += f" {line.strip()}"
    return entries


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return _shown(field.default_factory())
    return "required" if field.default is PydanticUndefined else _shown(field.default)


def _given(places: list[str], values: Mapping[str, Any]) -> str:
    """The values at the places, labelled if they differ; empty if no file sets one."""
    given = {place: _shown(found) for place in places if (found := _at(values, place)) is not PydanticUndefined}
    if len(set(given.values())) <= 1:
        return next(iter(given.values()), "")
    return "<br>".join(f"{place.rsplit('.', 1)[0].split('.', 1)[1]}: {shown}" for place, shown in given.items())


def _at(values: Any, place: str) -> Any:
    for name in place.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return PydanticUndefined
        values = values[name]
    return values


def _searched(space: Mapping[str, Any], name: str) -> str:
    """The range of a hyper-parameter in a space."""
    return "fixed" if space.get(name) is None else _range(space[name])


def _range(spec: Mapping[str, Any]) -> str:
    if spec["type"] == "categorical":
        shown = ", ".join(f"`{choice}`" for choice in spec["choices"])
    else:
        shown = f"{spec['low']:g} to {spec['high']:g}{' (log)' if spec.get('log') else ''}"
    conditions = [f"{earlier} {' or '.join(map(str, allowed))}" for earlier, allowed in spec.get("when", {}).items()]
    return shown if not conditions else f"{shown}, with {' and '.join(conditions)}"


def _shown(value: Any) -> str:
    """A value as YAML, or its length if it is too long for a cell."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, float):
        value = float(f"{value:.3g}")
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).removesuffix("\n").removesuffix("\n...")
    if len(text) <= SHOWN_CHARACTERS:
        return f"`{text}`"
    return f"{len(value)} {'characters' if isinstance(value, str) else 'entries'}: see the file"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _anchor(heading: str) -> str:
    """The place of a heading, by the rule of the site and of repositories' pages."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def with_tables(text: str, conf: Path) -> str:
    """The page, with the text between the marks of each table generated again."""
    for name, make in TABLES.items():
        start, end = f"<!-- table of the {name} -->\n", f"<!-- end of the table of the {name} -->\n"
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{make(conf)}\n{end}{rest.partition(end)[2]}"
    return text


TABLES = {"parameters": parameters_reference, "hyper-parameters": hyperparameters_reference}

if __name__ == "__main__":
    docs = Path(__file__).parents[1]
    page = docs / "reference" / "configuration.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8"), docs.parent / "conf"), encoding="utf-8")
