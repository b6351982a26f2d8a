"""The schema of all parameters. An unknown name is refused in every file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationError

from psy_agents.app.old_parameters import old_parameters
from psy_agents.app.parameter_errors import Key, Places, describe, named
from psy_agents.baselines.config import BaselinesConfig
from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.synthetic.config import SyntheticCorpusConfig
from psy_agents.errors import RenamedParameter, UserError
from psy_agents.files.schema import Schema
from psy_agents.hpo.config import AutoOrCount, StageConfig, WorkersConfig
from psy_agents.hpo.cross_validation.config import CrossValidationConfig
from psy_agents.hpo.paths import SearchPaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.space.config import SearchSpaceConfig, SpaceName
from psy_agents.hpo.space.ranges import Scalar
from psy_agents.inference.config import PredictConfig
from psy_agents.release.config import ExportConfig, PublishConfig
from psy_agents.reporting.config import EvidencePageConfig, ReportConfig
from psy_agents.training.config import HyperParameters, TrainingSettings

LARGEST = 2**63
"""Databases and MLflow store smaller whole numbers only."""


class HpoParameters(Schema):
    """``parameters_hpo.yml``: folders and workers of the search, each stage, and the refit."""

    paths: SearchPaths
    agents_at_once: AutoOrCount = Field(
        "auto", description="Agents at a time in a pipeline of several; auto: all if their trials run over a Dask scheduler, else 1."
    )
    space: SpaceName = Field("small", description="The part of search_space that stages 0 to 2 search; a stage's own space overrides it.")
    encoder: str | None = Field(
        None,
        min_length=1,
        description="Encoder of every trial, by hub name or folder; it replaces training.fixed.encoder and a searched encoder. "
        "null: those hold.",
    )
    pinned: dict[str, Scalar] = Field(
        {}, description="Hyper-parameters that every trial has, by name; they are not searched. The encoder has a parameter of its own."
    )
    workers: WorkersConfig = WorkersConfig()
    stage0: StageConfig
    stage1: StageConfig
    stage2: StageConfig
    maximal: StageConfig
    refit: RefitConfig

    def workers_of(self, name: str) -> WorkersConfig:
        """The workers of a stage or the refit.

        Args:
            name: key below ``hpo``, such as stage0.
        """
        return getattr(self, name).with_workers(self.workers).workers


class Parameters(Schema):
    """All parameters of ``conf/*/parameters*.yml``; each file is one section."""

    baselines: BaselinesConfig
    cross_validation: CrossValidationConfig
    evidence_page: EvidencePageConfig
    export: ExportConfig
    hpo: HpoParameters
    predict: PredictConfig
    preprocessing: CorpusSettings
    publish: PublishConfig
    report: ReportConfig
    search_space: SearchSpaceConfig
    synthetic_corpus: SyntheticCorpusConfig
    training: TrainingSettings


def check_parameters(values: Mapping[str, Any], places: Places) -> Parameters:
    """Validate the resolved parameters.

    Args:
        values: the parameters from the configuration loader.
        places: the file or option of each parameter, for error messages.

    Raises:
        UserError: a name is unknown or a value is invalid; the message names the first.
    """
    for key, new in old_parameters(values):
        raise UserError(RenamedParameter(key, new).sentence(places.of(key)))
    _check_pinned(values, places)
    try:
        parameters = Parameters.model_validate(values)
    except ValidationError as error:
        raise UserError(describe(error, Parameters, values, (), places)) from None
    for key, number in _numbers(parameters.model_dump(exclude={"export"})):
        if not math.isfinite(number) or abs(number) >= LARGEST:
            raise UserError(f"{places.of(key)}: {number} is not a number that a parameter can have: give one below 2^63.")
    try:
        HyperParameters.model_validate(parameters.training.fixed, strict=True)
    except ValidationError as error:
        fixed = parameters.training.fixed
        raise UserError(describe(error, HyperParameters, fixed, ("training", "fixed"), places)) from None
    with named(places):
        parameters.search_space.check(parameters.training)
    return parameters


def _check_pinned(values: Mapping[str, Any], places: Places) -> None:
    """Check names and values of ``hpo.pinned`` where they are written: the loader has put them into ``training.fixed``."""
    key, hpo = ("hpo", "pinned"), values.get("hpo")
    pinned = hpo.get("pinned") if isinstance(hpo, Mapping) else None
    if not isinstance(pinned, Mapping):
        return
    if "encoder" in pinned:
        raise UserError(f"{places.of((*key, 'encoder'))}: the encoder has a parameter of its own: use hpo.encoder.")
    try:
        HyperParameters.model_validate(dict(pinned), strict=True)
    except ValidationError as error:
        raise UserError(describe(error, HyperParameters, pinned, key, places)) from None


def _numbers(values: Any, above: Key = ()) -> Iterator[tuple[Key, int | float]]:
    """All numbers among the parameters, by key."""
    if isinstance(values, int | float):
        yield above, values
    elif isinstance(values, Mapping):
        for name, value in values.items():
            yield from _numbers(value, (*above, str(name)))
    elif isinstance(values, Sequence) and not isinstance(values, str):
        for place, value in enumerate(values):
            yield from _numbers(value, (*above, str(place)))
