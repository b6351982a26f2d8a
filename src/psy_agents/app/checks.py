"""Checks of a run before any node starts: pipelines, agent, stages, encoders and the data agreement."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.agents.encoders.shape import shape_of
from psy_agents.agents.encoders.tokenizer import check_vocabulary, plain_tokenizer
from psy_agents.agents.registry import AGENTS
from psy_agents.app.parameter_errors import Places, closest, named
from psy_agents.app.parameters import Parameters
from psy_agents.corpus.agreement import Agreement, check_confirmed, confirm, named_agreement, required_agreements
from psy_agents.datasets.project import shown_path
from psy_agents.errors import UserError
from psy_agents.files.links import real_path
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.workers.resources import visible_gpus
from psy_agents.pipelines import preprocessing
from psy_agents.pipelines.bundles import section_names
from psy_agents.pipelines.tags import CROSS_VALIDATION, PUBLISHES, REFIT, agent_of, candidates_of, search_of, stage_of

log = logging.getLogger(__name__)


def registered_nodes(names: list[str]) -> Pipeline:
    """The nodes of the registered pipelines with these names.

    Raises:
        UserError: a name is not registered.
    """
    pipelines.set_requested(None)
    for name in names:
        if name not in pipelines:
            raise UserError(f"There is no pipeline '{name}'{closest(name, pipelines)}")
    return sum((pipelines[name] for name in names), Pipeline([]))


def pipeline_of(filters: Mapping[str, Iterable[str] | None]) -> str:
    """The first pipeline that has all nodes and datasets of a command without ``--pipeline``, as kedro-viz shows it; else the default one.

    Args:
        filters: option -> names, see `NODE_FILTERS` and `DATA_FILTERS`.
    """
    nodes, data = ({name for option in options for name in filters.get(option) or ()} for options in (NODE_FILTERS, DATA_FILTERS))
    for name, pipeline in pipelines.items():
        if nodes <= {node.name for node in pipeline.nodes} and data <= pipeline.datasets():
            return name
    return "__default__"


NODE_FILTERS, DATA_FILTERS = ("node_names", "from_nodes", "to_nodes"), ("from_inputs", "to_outputs")
"""Options of a session that name nodes, and those that name datasets."""

ALL = "all"
"""The value of ``--params agent`` that names every agent."""


def namespaces_of_agents(given: str, names: list[str], nodes: Pipeline, namespaces: Iterable[str] | None) -> list[str] | None:
    """The namespaces of a run of some agents: the preprocessing and the agents. None if all agents run.

    Args:
        given: the value of ``--params agent``: a name, several as ``evidence+joint``, or ``all``.

    Raises:
        UserError: there is no such agent, a pipeline does not work on one agent, or namespaces are given too.
    """
    if namespaces:
        raise UserError("--params agent=... and --namespaces say the same thing: give one of them.")
    if given == ALL:
        return None
    agents = str(given).split("+")
    for agent in agents:
        if agent not in AGENTS:
            raise UserError(f"--params agent={given}: there is no such agent{closest(agent, (*AGENTS, ALL))}")
    for name in names:
        if name.endswith("_all") or not any(agent_of(node) in agents for node in pipelines[name].nodes):
            raise UserError(f"Pipeline '{name}' does not work on one agent: leave out --params agent={given}.")
    present = {node.namespace for node in nodes.nodes}
    return [namespace for namespace in (preprocessing.NAMESPACE, *(a for a in AGENTS if a in agents)) if namespace in present]


def check_one_agent_is_published(chosen: Pipeline) -> None:
    """Refuse to publish several agents in one run: each has a repository and a confirmation of its upload."""
    agents = {agent_of(node) for node in chosen.nodes if PUBLISHES in node.tags}
    if len(agents) > 1:
        raise UserError("Pipeline 'publish' uploads one agent at a time: say which with --params agent=NAME.")


def check_files(parameters: Parameters, files: Mapping[str, str], places: Places) -> None:
    """Refuse names of raw files that are not those of ``globals.yml``, which the catalog reads: they would be recorded and not read.

    Args:
        files: the section ``files`` of ``globals.yml``.
    """
    for name, value in parameters.preprocessing.files.model_dump().items():
        if value != files.get(name, value):
            place = places.of(("preprocessing", "files", name))
            raise UserError(f"{place}: the catalog reads the file that globals.yml names, {files[name]}: set files there.")


def check_refit_stage(chosen: Pipeline, parameters: Parameters) -> None:
    """Refuse a refit of a stage that the pipeline does not run, before the search takes days."""
    stage = parameters.hpo.refit.stage
    for node in chosen.nodes:
        stages = candidates_of(node)
        if len(stages) > 1 and stage not in stages:
            raise UserError(f"hpo.refit.stage is {stage}, which this pipeline does not run: use the pipeline refit for it.")


def check_first_trials(chosen: Pipeline, parameters: Parameters, places: Places) -> None:
    """Refuse first trials outside the search space of a search that will run."""
    for agent, stage in _searches(chosen, parameters):
        with named(places):
            space = parameters.search_space.space(agent, stage.space, parameters.training)
            parameters.search_space.firsts(agent, stage.space, space)


def check_encoders(chosen: Pipeline, parameters: Parameters, places: Places) -> None:
    """Refuse an encoder that is not found or has no usable tokenizer, and a search space that does not fit its encoder."""
    from psy_agents.hpo.space.fit import advice_on_rates, check_fit

    spaces, training, advice = parameters.search_space, parameters.training, {}
    fixed = training.hyperparameters({}).model_dump()
    searches = {(agent, stage.space): None for agent, stage in _searches(chosen, parameters)}
    encoders = {encoder for agent, space in searches for encoder in spaces.encoders(agent, space, training)}
    if any("training" in section_names(node.inputs) and search_of(node) is None for node in chosen.nodes):
        encoders.add(fixed["encoder"])
    folders = {encoder: locate_encoder(encoder) for encoder in sorted(encoders)}  # Each once: one may need a request to the hub.
    shapes = {encoder: shape_of(folder) for encoder, folder in folders.items()}
    for encoder, folder in folders.items():
        check_vocabulary(plain_tokenizer(folder), shapes[encoder].vocabulary, folder)
    for agent, name in searches:
        space = spaces.space(agent, name, training)
        for encoder in spaces.encoders(agent, name, training):
            with named(places):
                check_fit(agent, space, fixed, name, encoder, shapes[encoder])
            advice |= dict.fromkeys(advice_on_rates(space, fixed, name, encoder, shapes[encoder]))
    for sentence in advice:
        log.warning("%s", sentence)


def advise_on_space(chosen: Pipeline, parameters: Parameters) -> None:
    """Log one line where a GPU would search the small space, which is made for a CPU."""
    if any(stage.space == "small" for _, stage in _searches(chosen, parameters)) and visible_gpus():
        log.info(
            "the space small is made for a CPU, and this machine has a GPU: hpo.space=full,hpo.encoder=NAME searches a base encoder and "
            "trains all of its layers (docs/how_to/gpu.md)"
        )


def check_agreement(
    chosen: Pipeline, parameters: Parameters, catalog: Mapping[str, Mapping[str, Any]], project: Path, confirmed_by: Any
) -> Callable[[], None]:
    """Refuse to read a corpus whose data agreement is not confirmed.

    Args:
        catalog: the catalog's configuration; entries with an ``agreement`` are files of the corpus.
        confirmed_by: the person who confirms the agreement now, if any.

    Returns:
        Records the confirmation that was given with this run; to be called when no other check refuses the run.
    """
    raw = {name: entry for name, entry in catalog.items() if "agreement" in entry and name in chosen.inputs()}
    files = {project / entry["filepath"]: entry["agreement"] for entry in raw.values()}
    if "params:predict" in chosen.inputs():
        files[parameters.predict.posts_file] = None
    needed: dict[Path, Agreement] = {}
    for file, own in files.items():
        needed |= required_agreements(file, project) | ({real_path(file.parent): named_agreement(own)} if own else {})
    if not needed:
        if confirmed_by is not None:
            raise UserError("--params data_agreement=...: this run reads no data that need an agreement: leave it out.")
        return lambda: None

    def check() -> None:
        for folder, agreement in needed.items():
            check_confirmed(agreement, folder)

    if confirmed_by is None:
        check()
        return lambda: None

    def record() -> None:
        for folder, agreement in needed.items():
            inside = [real for real in map(real_path, files) if real.is_relative_to(folder)]
            for each in confirm(agreement, inside, str(confirmed_by), folder):
                log.info("recorded that '%s' is confirmed: %s", agreement.name, shown_path(each))
        check()

    return record


def agents_at_once(chosen: Pipeline, parameters: Parameters) -> int:
    """Agents at a time; auto: all of them if they run trials, and all trials run over a cluster, else one."""
    stages = {stage for node in chosen.nodes if (stage := stage_of(node)) is not None}
    if CROSS_VALIDATION in stages:  # Without a search its fixed trial runs as stage 2 does.
        stages = stages - {CROSS_VALIDATION} | {*(parameters.cross_validation.stages or ("stage2",)), REFIT}
    local = [f"hpo.{name}" for name in sorted(stages) if parameters.hpo.workers_of(name).executor.scheduler is None]
    wanted = parameters.hpo.agents_at_once
    if wanted == "auto":
        return len(AGENTS) if stages and not local else 1
    if wanted > 1 and local:
        raise UserError(
            f"hpo.agents_at_once is {wanted}, but the trials of {local[0]} run on this machine: give it a cluster "
            f"(hpo.workers.executor.name=dask,hpo.workers.executor.scheduler=...), or leave agents_at_once out."
        )
    return wanted


def _searches(chosen: Pipeline, parameters: Parameters) -> Iterator[tuple[str, StageConfig]]:
    """Agent and stage of every search that will run."""
    for node in chosen.nodes:
        stages = parameters.cross_validation.stages if stage_of(node) == CROSS_VALIDATION else filter(None, [search_of(node)])
        for stage in stages:
            yield agent_of(node), getattr(parameters.hpo, stage)
