"""Sections of the parameters that one node reads together: a node has five inputs at most.

A bundle is one more parameter, made from its sections when the catalog is made. ``--params``, files and checks know the sections alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.files.schema import Schema
from psy_agents.hpo.config import StageConfig, WorkersConfig
from psy_agents.hpo.cross_validation.config import CrossValidationConfig
from psy_agents.hpo.paths import SearchPaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.release.config import ExportConfig
from psy_agents.reporting.config import ReportConfig
from psy_agents.training.config import TrainingSettings

if TYPE_CHECKING:
    from psy_agents.baselines.system import BaselineSetup

PARAMETERS = "params:"
STAGES = ("stage0", "stage1", "stage2", "maximal")


class TrainingBundle(Schema):
    """What every node that runs trials reads."""

    training: TrainingSettings
    paths: SearchPaths
    workers: WorkersConfig


class StageBundle(TrainingBundle):
    """What a stage of the search reads."""

    search_space: SearchSpaceConfig
    stage: StageConfig


class RefitBundle(TrainingBundle):
    """What a refit reads."""

    refit: RefitConfig


class RunBundle(RefitBundle):
    """What the budget of several stages and their refit reads."""

    search_space: SearchSpaceConfig
    stages: dict[str, StageConfig]

    def stages_with_workers(self) -> dict[str, StageConfig]:
        """The stages with the workers of ``hpo.workers``, overridden by their own."""
        return {name: stage.with_workers(self.workers) for name, stage in self.stages.items()}


class FoldsBundle(RunBundle):
    """What a cross-validation reads."""

    folds: CrossValidationConfig


class ReportBundle(Schema):
    """What scores agents and baselines on test."""

    report: ReportConfig
    baselines: BaselinesConfig
    refit: RefitConfig
    training: TrainingSettings

    def baseline_setup(self) -> BaselineSetup:
        """The parameters that baselines depend on."""
        from psy_agents.baselines.system import BaselineSetup

        return BaselineSetup(self.baselines, self.refit, self.training)


class ExportBundle(ReportBundle):
    """What an export reads."""

    export: ExportConfig


@dataclass(frozen=True)
class Bundle:
    """A bundle's type, and the section of each of its fields by dotted name; of ``stages`` several by name."""

    kind: type[Schema]
    sections: Mapping[str, str | Mapping[str, str]]

    def of(self, parameters: Mapping[str, Any]) -> Schema:
        """The bundle, from the parameters by their names with ``params:``."""
        def value(key: str | Mapping[str, str]) -> Any:
            return parameters[PARAMETERS + key] if isinstance(key, str) else {name: value(each) for name, each in key.items()}

        return self.kind.model_validate({field: value(key) for field, key in self.sections.items()})

    @property
    def names(self) -> list[str]:
        """The dotted names of all its sections."""
        return [name for key in self.sections.values() for name in ([key] if isinstance(key, str) else key.values())]

    def values(self, bundle: Schema) -> dict[str, Any]:
        """The sections of a bundle by dotted name."""
        found: dict[str, Any] = {}
        for field, key in self.sections.items():
            value = getattr(bundle, field)
            found |= {key: value} if isinstance(key, str) else {each: value[name] for name, each in key.items()}
        return found


_TRAINING = {"training": "training", "paths": "hpo.paths", "workers": "hpo.workers"}
_REFIT = {**_TRAINING, "refit": "hpo.refit"}
_REPORT = {"report": "report", "baselines": "baselines", "refit": "hpo.refit", "training": "training"}


def _run(stages: Iterable[str]) -> dict[str, str | Mapping[str, str]]:
    return {**_REFIT, "search_space": "search_space", "stages": {stage: f"hpo.{stage}" for stage in stages}}


def budget_name(stages: Iterable[str]) -> str:
    """The name of the bundle of a budget of these stages."""
    return f"bundle.budget_{'_'.join(stages)}"


BUNDLES = {
    **{f"bundle.{stage}": Bundle(StageBundle, {**_TRAINING, "search_space": "search_space", "stage": f"hpo.{stage}"}) for stage in STAGES},
    **{budget_name(stages): Bundle(RunBundle, _run(stages)) for stages in (STAGES[:3], STAGES[3:])},
    "bundle.refit": Bundle(RefitBundle, _REFIT),
    "bundle.cross_validation": Bundle(FoldsBundle, {**_run(STAGES), "folds": "cross_validation"}),
    "bundle.report": Bundle(ReportBundle, _REPORT),
    "bundle.export": Bundle(ExportBundle, {**_REPORT, "export": "export"}),
}
"""By the name of the parameter."""


def section_names(inputs: Iterable[str]) -> set[str]:
    """The dotted names of the sections that a node with these inputs reads."""
    names = [name.removeprefix(PARAMETERS) for name in inputs if name.startswith(PARAMETERS)]
    return {section for name in names for section in (BUNDLES[name].names if name in BUNDLES else [name])}


def sections(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The sections among a node's inputs, by dotted name, without ``params:``; those of its bundles too."""
    found: dict[str, Any] = {}
    for name, value in inputs.items():
        if name.startswith(PARAMETERS):
            name = name.removeprefix(PARAMETERS)
            found |= BUNDLES[name].values(value) if name in BUNDLES else {name: value}
    return found
