"""Error messages for parameters: the file or option, the dotted name, the problem."""

from __future__ import annotations

import contextlib
import difflib
import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from psy_agents.agents.renamed import new_name
from psy_agents.app.config_loader import ConfigLoader
from psy_agents.errors import ParameterError, RenamedParameter, UserError
from psy_agents.training.config import HyperParameters

Key = tuple[str, ...]

RUN_OPTIONS = ("agent", "data_agreement", "dry_run")
"""What `AgentSession` takes from ``--params`` for itself."""
MEANT = 4


class Places:
    """The source of each parameter: the command line, or the last file that sets it.

    Args:
        given: parameters from the command line.
        files: parameter files by their displayed names. A later file overrides an earlier one.
    """

    def __init__(self, given: Mapping[str, Any], files: Mapping[str, Path]) -> None:
        self._given, self._files = given, files

    def of(self, key: Key) -> str:
        """The source and the dotted name, such as ``--params a.b`` or ``conf/base/x.yml: a.b``; ``conf:`` if no source sets it."""
        dotted = ".".join(key)
        if _depth(self._given, key) == len(key):
            return f"--params {dotted}"
        depths = {name: _depth(yaml.safe_load(path.read_text(encoding="utf-8")), key) for name, path in self._files.items()}
        deepest = max(depths.values(), default=0)
        names = [name for name, depth in depths.items() if depth == deepest]
        return f"{names[-1] if deepest else 'conf'}: {dotted}"


def parameter_files(loader: ConfigLoader) -> dict[str, Path]:
    """The parameter files that the loader reads, by names such as conf/base/x.yml; the last has precedence."""
    source = Path(loader.conf_source)
    patterns = loader.config_patterns["parameters"]
    found = [
        Path(path)
        for folder in loader.folders
        for path in sorted({path for pattern in patterns for path in glob.glob(str(folder / pattern), recursive=True)})
    ]
    return {path.relative_to(source.parent).as_posix(): path for path in found if path.suffix in (".yml", ".yaml", ".json")}


def closest(name: object, names: Iterable[object]) -> str:
    """The end of a message: ``, did you mean 'x'?``, or all choices if none is similar, or a full stop if there are none."""
    names = [str(each) for each in names]
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return f", did you mean '{near[0]}'?"
    return f" (there are: {', '.join(names)})." if names else "."


@contextlib.contextmanager
def named(places: Places) -> Iterator[None]:
    """Add the source of a parameter to the message of its `ParameterError`."""
    try:
        yield
    except ParameterError as error:
        raise UserError(error.sentence(places.of(error.key))) from None


def describe(error: ValidationError, model: type[BaseModel], values: Mapping[str, Any], above: Key, places: Places) -> str:
    """The first problem as a sentence, and the number of further ones.

    Args:
        values: the validated values.
        above: key of the section that holds the values.
    """
    problems = error.errors(include_url=False)
    # A misspelt name is unknown, and the right name may be missing: report the misspelling.
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    loc = tuple(map(str, first["loc"]))
    key = (*above, *_without_tags(loc, values, missing=first["type"] == "missing"))
    more = f" {len(problems) - 1} more such." if len(problems) > 1 else ""
    match first["type"]:
        case "extra_forbidden":
            sentence = _unknown(model, loc, key, places)
        case "missing":
            sentence = f"{places.of(key)} is missing."
        case "union_tag_not_found":
            sentence = f"{places.of((*key, first['ctx']['discriminator'].strip(chr(39))))} is missing."
        case "union_tag_invalid":
            found = first["ctx"]
            key = (*key, found["discriminator"].strip("'"))
            sentence = f"{places.of(key)}: must be one of {found['expected_tags']}, not '{found['tag']}'."
        case _ if (new := new_name(key[-1], first["input"])) is not None:
            sentence = f"{places.of(key)}: {first['input']} is now called {new}."
        case _:
            sentence = f"{places.of(key)}: {_problem(first)}."
    return sentence + more


def _unknown(model: type[BaseModel], loc: Key, key: Key, places: Places) -> str:
    """The message for an unknown name: it is renamed, belongs to another variant of the section, or is misspelt."""
    new = new_name(key[-1])
    if new is not None:
        return RenamedParameter(key, new).sentence(places.of(key))
    variants = _models_at(model, loc[:-1], tagged=False)
    chosen = _models_at(model, loc[:-1])
    if len(variants) > len(chosen) and any(key[-1] in variant.model_fields for variant in variants):
        return f"{places.of(key)} does not belong to {loc[-2]}: to replace the whole section, give {'.'.join(key[:-1])}={loc[-2]}."
    names = [*(name for each in chosen for name in each.model_fields), *(RUN_OPTIONS if len(key) == 1 else ())]
    elsewhere = _elsewhere(model, key, key[-1])
    if not elsewhere and not difflib.get_close_matches(key[-1], names, n=1):
        everywhere = {path[-1] for path in _paths(model)} | set(HyperParameters.model_fields)
        elsewhere = [path for name in difflib.get_close_matches(key[-1], sorted(everywhere), n=1) for path in _elsewhere(model, key, name)]
    if elsewhere:
        return f"{places.of(key)}: there is no such parameter, did you mean {' or '.join(map('.'.join, elsewhere[:MEANT]))}?"
    return f"{places.of(key)}: there is no such parameter{closest(key[-1], names)}"


def _elsewhere(model: type[BaseModel], key: Key, name: str) -> list[Key]:
    """The keys of the parameters with this name, the one nearest to ``key`` first, and the shallower one of two."""
    found = [path for path in _paths(model) if path[-1] == name]
    found.sort(key=lambda path: (-len(os.path.commonprefix([path, key])), len(path)))
    if name in HyperParameters.model_fields and model is not HyperParameters and name != "encoder":
        found += [("hpo", "pinned", name), ("training", "fixed", name)]
    return found


def _paths(model: type[BaseModel], above: Key = ()) -> Iterator[Key]:
    """The keys of all parameters within a model; those of mappings are unknown."""
    for name, field in model.model_fields.items():
        yield (*above, name)
        for inner in dict.fromkeys(models_of(field.annotation)):
            yield from _paths(inner, (*above, name))


def _problem(found: Mapping[str, Any]) -> str:
    message = found["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = "" if isinstance(found["input"], Mapping | BaseModel) or "not " in message else f", not {found['input']!r}"
    return message + shown


def _without_tags(loc: Key, values: Any, *, missing: bool) -> Key:
    """The location without pydantic's additions: tags of unions, and the marker of a mapping's key."""
    key: list[str] = []
    for number, part in enumerate(loc):
        last = missing and number == len(loc) - 1
        if isinstance(values, Mapping):
            held = {str(name): value for name, value in values.items()}
            if part in held or last:
                key.append(part)
                values = held.get(part)
        elif isinstance(values, Sequence) and not isinstance(values, str) and part.isdigit() and int(part) < len(values):
            key.append(part)
            values = values[int(part)]
        elif isinstance(values, str) and part == "name":  # A bare name was expanded to its section.
            key.append(part)
    return tuple(key)


def _models_at(model: type[BaseModel], loc: Key, *, tagged: bool = True) -> list[type[BaseModel]]:
    """The models at a location. Of a union it is the one that the location's tag selects, or all of them if not ``tagged``."""
    models = [model]
    for part in loc:
        below = [inner for each in models if part in each.model_fields for inner in models_of(each.model_fields[part].annotation)]
        if below:
            models = below
        elif tagged and (chosen := [each for each in models if part in _tags(each)]):
            models = chosen
        elif models == [model]:
            return []  # A mapping: its keys are not fields.
    return models


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """The models within an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_of(part)]


def _tags(model: type[BaseModel]) -> set[str]:
    literals = [field.annotation for field in model.model_fields.values() if get_origin(field.annotation) is Literal]
    return {str(tag) for annotation in literals if len(get_args(annotation)) == 1 for tag in get_args(annotation)}


def _depth(values: Any, key: Key) -> int:
    """Number of leading parts of the key that the values hold; all of them if a value replaces a whole section."""
    for depth, name in enumerate(key):
        if isinstance(values, Sequence) and not isinstance(values, str) and name.isdigit() and int(name) < len(values):
            values = values[int(name)]
        elif not isinstance(values, Mapping):
            return len(key) if depth else 0
        elif name in (held := {str(each): value for each, value in values.items()}):
            values = held[name]
        else:
            return depth
    return len(key)
