"""Every parameter of the project in one type: a name that is not here is refused, whatever file it stands in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from psy_agents.agents.renamed import new_name
from psy_agents.corpus.config import CorpusSettings
from psy_agents.errors import UserError
from psy_agents.files.schema import Schema
from psy_agents.hpo.config import AutoOrCount, Executor, ExecutorConfig, RefitConfig, StageConfig
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.inference.config import PredictConfig
from psy_agents.pipelines.hpo_stages.nodes import SearchPaths
from psy_agents.pipelines.synthetic_corpus.nodes import SyntheticCorpusParameters
from psy_agents.release.config import ExportConfig, PublishConfig
from psy_agents.reporting.config import EvidencePageConfig, ReportConfig
from psy_agents.training.config import TrainingSettings


class HpoParameters(Schema):
    """``parameters_hpo.yml``: where the search keeps its things and runs, each stage, and the refit."""

    paths: SearchPaths
    executor: Executor = ExecutorConfig()
    agents_at_once: AutoOrCount = Field(
        "auto", description="Agents at a time in a pipeline of several; auto: all where a Dask scheduler is given, else 1."
    )
    stage0: StageConfig
    stage1: StageConfig
    stage2: StageConfig
    maximal: StageConfig
    refit: RefitConfig

    @model_validator(mode="after")
    def _executor_is_read(self) -> HpoParameters:
        """`${hpo.executor}` in conf/base does not see what another environment's file says, and nothing else would."""
        places = (self.stage0, self.stage1, self.stage2, self.maximal, self.refit)
        if all(place.executor != self.executor for place in places):
            raise ValueError(
                "executor stands in a file that the stages do not read: write it into conf/base/parameters_hpo.yml, give it by "
                "--params hpo.executor...=, or set each stage's own executor"
            )
        return self


class Parameters(Schema):
    """All of ``conf/*/parameters*.yml``, a section for each file."""

    evidence_page: EvidencePageConfig
    export: ExportConfig
    hpo: HpoParameters
    predict: PredictConfig
    preprocessing: CorpusSettings
    publish: PublishConfig
    report: ReportConfig
    search_space: SearchSpaceConfig
    synthetic_corpus: SyntheticCorpusParameters
    training: TrainingSettings


def check_parameters(values: Mapping[str, Any], given: Mapping[str, Any]) -> Parameters:
    """Type the resolved parameters.

    Args:
        values: as the configuration loader resolves them.
        given: the ones from the command line, to say where a mistake stands.

    Raises:
        UserError: a name is unknown or a value does not fit; the first such is named.
    """
    try:
        parameters = Parameters.model_validate(values)
    except ValidationError as error:
        raise UserError(_describe(error, Parameters, (), given)) from None
    try:
        parameters.training.hyperparameters({})
    except ValidationError as error:
        from psy_agents.training.config import HyperParameters

        raise UserError(_describe(error, HyperParameters, ("training", "fixed"), given)) from None
    return parameters


def closest(name: object, names: Iterable[object]) -> str:
    """``, did you mean 'x'?``, or the choices where none is near, or a full stop where there is no choice."""
    names = [str(each) for each in names]
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return f", did you mean '{near[0]}'?"
    return f" (there are: {', '.join(names)})." if names else "."


def _describe(error: ValidationError, model: type[BaseModel], above: tuple[str, ...], given: Mapping[str, Any]) -> str:
    problems = error.errors(include_url=False, include_context=False)
    # A misspelt name is also a missing one: the misspelling is the mistake.
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    place = first["loc"]
    path = (*above, *map(str, place))
    where = "--params" if _holds(given, path) else "conf: parameter"
    more = f" {len(problems) - 1} more such." if len(problems) > 1 else ""
    dotted = ".".join(path)
    if first["type"] == "extra_forbidden":
        new = new_name(str(place[-1]))
        if new is not None:
            return f"{where} {dotted} is now called {new}.{more}"
        return f"{where} {dotted}: there is no such parameter{closest(place[-1], _fields(model, place[:-1]))}{more}"
    if first["type"] == "missing":
        return f"conf: parameter {dotted} is missing.{more}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    told = "" if isinstance(first["input"], Mapping | BaseModel) else f", not {first['input']!r}"
    return f"{where} {dotted}: {message}{told if 'not ' not in message else ''}.{more}"


def _holds(given: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(given, Mapping):
            return True
        if name not in given:
            return False
        given = given[name]
    return True


def _fields(model: Any, place: tuple[int | str, ...]) -> list[str]:
    for name in place:
        field = getattr(model, "model_fields", {}).get(name)
        model = field.annotation if field is not None else None
    return list(getattr(model, "model_fields", {}))
