"""Hook that prints a box at the end of each stage and refit."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psy_agents.app.resolvers import environment, given_parameters
from psy_agents.datasets.project import shown_path
from psy_agents.files.schema import parameter_text
from psy_agents.pipelines.bundles import sections
from psy_agents.pipelines.tags import CROSS_VALIDATION, REFIT, agent_of, stage_of

Rows = list[tuple[str, str]]
NEXT = {"stage0": ("hpo_stage1", "stage1"), "stage1": ("hpo_stage2", "stage2"), "stage2": ("refit", REFIT), "maximal": ("refit", REFIT)}
"""The pipeline after a stage, and the stage that it runs."""


class ClosingHooks:
    """Prints the box once the results are saved, so that it is the last thing of its stage."""

    def __init__(self) -> None:
        self._unsaved: set[str] = set()

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        self._run, self._catalog = run_params, catalog
        self._coming = {(agent_of(node), stage_of(node)) for node in pipeline.nodes}

    @hook_impl
    def after_node_run(self, node: Node, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        if stage_of(node) not in (None, CROSS_VALIDATION):
            self._node, self._inputs, self._outputs, self._unsaved = node, inputs, outputs, set(outputs)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        if dataset_name in self._unsaved:
            self._unsaved.remove(dataset_name)
            if not self._unsaved:
                self._print()

    def _print(self) -> None:
        from psy_agents.reporting.search.closing_box import print_box

        agent, stage = agent_of(self._node), stage_of(self._node)
        rows, then = self._refit(agent) if stage == REFIT else self._stage(agent, stage)
        print_box(f"{agent}, {stage}", rows, then)

    def _stage(self, agent: str, stage: str) -> tuple[Rows, Rows]:
        from psy_agents.hpo.study.topk import TopK
        from psy_agents.reporting.search.closing_box import stage_rows

        topk = f"{agent}.hpo_{stage}_topk"
        weight = sections(self._inputs)["training"].objective_evidence_weight
        rows, then = stage_rows(TopK.model_validate(self._outputs[topk]), self._inputs["baselines"], weight), [("open", self._path(topk))]
        pipeline, following = NEXT[stage]
        if (agent, following) in self._coming:
            return rows, [*then, ("next", f"this run continues with {following}")]
        then.append(("next", self._command(pipeline, agent, {"hpo.refit.stage": stage} if stage == "maximal" else {})))
        if pipeline != REFIT:
            then.append(("a model from here", self._command("refit", agent, {"hpo.refit.stage": stage})))
        return rows, then

    def _refit(self, agent: str) -> tuple[Rows, Rows]:
        from psy_agents.hpo.refit.run_refit import RefitSummary
        from psy_agents.reporting.search.closing_box import refit_rows

        summary = RefitSummary.model_validate(self._outputs[f"{agent}.refit_summary"])
        model = self._path(f"{agent}.refit_model")
        return refit_rows(summary, sections(self._inputs)["training"].objective_evidence_weight), [
            ("open", model),
            ("try it", shlex.join(["python", "-m", "psy_agents", "predict", model, "text of a post"])),
            ("next", self._command("report", None, {})),
        ]

    def _path(self, dataset: str) -> str:
        entry = self._catalog.get(dataset)
        return shown_path(str(entry._get_versioned_path(entry.resolve_save_version())))

    def _command(self, pipeline: str, agent: str | None, changes: Mapping[str, str]) -> str:
        """The command of this run with another pipeline."""
        env = self._run["env"]
        given = {**given_parameters(self._run["runtime_params"]), **changes}
        params = [*([] if agent is None else [f"agent={agent}"]), *(f"{name}={parameter_text(value)}" for name, value in given.items())]
        return shlex.join(
            [
                "kedro", "run", *([] if env in (None, environment()) else ["--env", env]), "--pipeline", pipeline,
                *(["--params", ",".join(params)] if params else []),
            ]
        )  # fmt: skip
