"""What a search will take, for ``--params dry_run=true``: no node runs, no post is read, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psy_agents.agents.registry import AGENTS
from psy_agents.app.config_loader import STAGES
from psy_agents.app.parameters import Parameters
from psy_agents.errors import UserError
from psy_agents.pipelines.tags import CROSS_VALIDATION, REFIT, agent_of, stage_of

if TYPE_CHECKING:
    from psy_agents.hpo.config import StageConfig
    from psy_agents.hpo.estimate import Pace
    from psy_agents.hpo.plan import PlannedStage
    from psy_agents.hpo.refit.config import RefitConfig
    from psy_agents.hpo.space.config import SearchSpaceConfig


@dataclass(frozen=True)
class Work:
    """Stages of one agent that follow each other.

    Attributes:
        refit: that follows the last stage; None: no refit does.
        folds: how often all of it runs.
        refit_alone: the stages have run before, and only their refit will.
    """

    stages: Sequence[StageConfig]
    refit: RefitConfig | None
    spaces: SearchSpaceConfig
    folds: int = 1
    refit_alone: bool = False


def search_plan(names: Sequence[str], chosen: Pipeline, parameters: Parameters, store: str | Path, corpus: Path) -> list[PlannedStage]:
    """Every stage and refit of the chosen nodes, by agent. Finished trials count as well.

    Args:
        names: of the pipelines.
        store: address of the studies.
        corpus: the file with the fingerprint of the prepared corpus; without it no time is known.

    Raises:
        UserError: the pipelines search nothing.
    """
    from psy_agents.hpo.study.store import read_studies

    nodes = {agent: [node for node in chosen.nodes if agent_of(node) == agent and stage_of(node) is not None] for agent in AGENTS}
    if not any(nodes.values()):
        raise UserError(f"--params dry_run=true is for pipelines that search or refit, and {', '.join(names)} does neither: leave it out.")
    studies = read_studies(store)
    data_hash = json.loads(corpus.read_text(encoding="utf-8"))["fingerprint"] if corpus.is_file() else ""
    return [
        row
        for agent, of_agent in nodes.items()
        for work in _work(of_agent, parameters)
        for row in _rows(agent, work, parameters, studies, data_hash)
    ]


def _work(nodes: Sequence[Node], parameters: Parameters) -> Iterator[Work]:
    from psy_agents.hpo.cross_validation.search import fold_stages

    hpo, spaces = parameters.hpo, parameters.search_space
    stages = {name: getattr(hpo, name).with_workers(hpo.workers) for name in STAGES}
    refit, kinds = hpo.refit.with_workers(hpo.workers), {stage_of(node) for node in nodes}
    searched = [stages[stage] for stage in STAGES if stage in kinds]
    if searched:
        yield Work(searched, refit if REFIT in kinds else None, spaces)
    elif REFIT in kinds:
        yield Work([stages[refit.stage]], refit, spaces, refit_alone=True)
    if CROSS_VALIDATION in kinds:
        fixed, of_fold = fold_stages(parameters.cross_validation, stages, spaces)
        yield Work(fixed, refit.of_fold(), of_fold, parameters.cross_validation.folds)


def _rows(agent: str, work: Work, parameters: Parameters, studies: Sequence, data_hash: str) -> Iterator[PlannedStage]:
    from psy_agents.hpo.kept import kept
    from psy_agents.hpo.measurement import Measurement, measurement_file
    from psy_agents.hpo.plan import plan
    from psy_agents.hpo.study.identity import settings_hash

    training = parameters.training

    def measured_before(agent: str, stage: StageConfig, epochs: int) -> Pace | None:
        file = measurement_file(parameters.hpo.paths.measurements, agent, stage, data_hash, training, work.spaces)
        found = kept(file, Measurement)
        return None if found is None else found.pace()

    planned = plan(studies, {agent: work.stages}, work.refit, data_hash, settings_hash(training), measured_before)
    for row in planned.stages:
        if row.stage == REFIT or not work.refit_alone:
            weights = row.disk_bytes if row.disk_bytes is not None else _bytes(agent, row.weights, work, parameters)
            yield row.model_copy(
                update={
                    "trials": None if row.trials is None else work.folds * row.trials,
                    "hours": None if row.hours is None else tuple(work.folds * each for each in row.hours),
                    "disk_bytes": None if weights is None else work.folds * weights,
                }
            )


def _bytes(agent: str, weights: int, work: Work, parameters: Parameters) -> int | None:
    """Bytes of so many trials' weights; None if an encoder is not on this machine."""
    from psy_agents.hpo.disk import trial_bytes

    ranks = (each for stage in work.stages for each in work.spaces.ranks(agent, stage.space, parameters.training).items())
    try:
        return weights * trial_bytes(agent, ranks, download=False)
    except UserError:
        return None


def print_plan(rows: Sequence[PlannedStage], checkpoints: Path) -> None:
    """Print the rows and their sums to the terminal.

    Args:
        checkpoints: the folder of weights.
    """
    from rich import box
    from rich.filesize import decimal
    from rich.table import Table

    from psy_agents.files.terminal import output_console
    from psy_agents.hpo.disk import free_bytes
    from psy_agents.hpo.estimate import duration
    from psy_agents.hpo.plan import counted_trials

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    hours = [row.hours for row in rows if row.hours is not None]
    disk = [row.disk_bytes for row in rows if row.disk_bytes is not None]
    time = duration(sum(low for low, _ in hours), sum(high for _, high in hours)) if len(hours) == len(rows) else "not measured"
    space = decimal(sum(disk)) if len(disk) == len(rows) else "not known"
    epochs = f"{sum(row.trials * row.epochs for row in rows):,}" if all(row.trials is not None for row in rows) else "limited by time"
    heads = {"agent": "all", "stage": "", "trials": "", "epochs": epochs}
    for name, footer in {**heads, "time": time, "disk": space}.items():
        table.add_column(name, footer, justify="right" if name in ("trials", "epochs", "disk") else "left")
    for row in rows:
        table.add_row(
            row.agent,
            row.stage,
            *(("as time allows", f"{row.epochs} each") if row.trials is None else (f"{row.trials:,}", f"{row.trials} x {row.epochs}")),
            "not measured" if row.hours is None else duration(*row.hours),
            "not known" if row.disk_bytes is None else decimal(row.disk_bytes),
        )
    console = output_console()
    console.print(table)
    trainings = sum(row.trials for row in rows if row.stage == REFIT)
    counts = [counted_trials(rows)] if any(row.stage != REFIT for row in rows) else []
    counts += [f"{trainings:,} trainings of refits"] if trainings else []
    notes = [
        f"{' and '.join(counts)}, each of at most as many epochs as stand above. Nothing was run.",
        f"{decimal(free_bytes(checkpoints))} are free for weights in {checkpoints}.",
    ]
    if time == "not measured":
        notes.append("Times are measured by a first search of the agent on this corpus, or in the first minute of the run itself.")
    if space == "not known":
        notes.append("The disk is known once the encoder is on this machine.")
    console.print("\n".join(notes), highlight=False, soft_wrap=True)
