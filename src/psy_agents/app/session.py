"""The session: one agent by name, every parameter known, mistakes in one line, runs that end as killed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from kedro.config import AbstractConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from omegaconf import OmegaConf

from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.agents.registry import AGENTS
from psy_agents.app.agent_runner import AgentRunner
from psy_agents.app.error_reporting import one_line_errors, told_once
from psy_agents.app.hooks.tracking import NestedRunHooks
from psy_agents.app.hooks.viewers import WatchHooks
from psy_agents.app.parallel_agents import AgentJob, Command
from psy_agents.app.parameter_errors import Places, closest, named, parameter_files
from psy_agents.app.parameters import Parameters, check_parameters
from psy_agents.app.resolvers import environment, given_parameters
from psy_agents.app.signals import interrupts
from psy_agents.corpus.agreement import check_confirmed, confirm, named_agreement
from psy_agents.datasets.project import project_path, shown_path
from psy_agents.errors import UserError
from psy_agents.hpo.config import StageConfig
from psy_agents.pipelines import preprocessing
from psy_agents.pipelines.tags import PUBLISHES, agent_of, candidates_of, search_of, stage_of

log = logging.getLogger(__name__)

FILTERS = ("tags", "from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs")


class AgentSession(KedroSession):
    """Consumes two ``--params``; they are not parameters and are not logged in MLflow.

    ``agent=NAME`` becomes Kedro's namespace filter: that agent's nodes and the preprocessing.
    ``data_agreement=PERSON`` confirms the data agreement of the corpus that the run reads.
    """

    _agent: str | None = None
    _confirmed_by: Any = None

    @classmethod
    def create(cls, *args: Any, runtime_params: dict[str, Any] | None = None, **kwargs: Any) -> AgentSession:
        params = dict(runtime_params or {})
        agent, confirmed_by = params.pop("agent", None), params.pop("data_agreement", None)
        session = super().create(*args, runtime_params=params, **kwargs)
        session._agent, session._confirmed_by = agent, confirmed_by
        return session

    @classmethod
    def of_agent(cls, job: AgentJob) -> AgentSession:
        """One agent's part of a command's session, in another process than that one."""
        command = job.command
        session = cls.create(
            project_path=command.project,
            env=command.env,
            conf_source=command.conf_source,
            runtime_params=dict(command.runtime_params),
        )
        session._store["session_id"] = job.run_id
        if job.mlflow_run is not None:
            session._hook_manager.register(NestedRunHooks(job.mlflow_run, job.agent))
        if not job.first:
            for told in [plugin for plugin in session._hook_manager.get_plugins() if isinstance(plugin, WatchHooks)]:
                session._hook_manager.unregister(told)
        return session

    def _command(self, names: list[str], load_versions: dict[str, str] | None, is_async: bool) -> Command:
        return Command(
            project=self._project_path,
            env=self.store.get("env"),
            conf_source=self._conf_source,
            runtime_params=self.store.get("runtime_params") or {},
            pipelines=tuple(names),
            load_versions=load_versions,
            is_async=is_async,
        )

    def _get_config_loader(self) -> AbstractConfigLoader:
        """Let ``project_path`` mean this session's project, a process may hold sessions of several, and likewise how it was called."""
        in_project = partial(project_path, project=self._project_path)
        OmegaConf.register_new_resolver("project_path", in_project, replace=True)
        OmegaConf.register_new_resolver("environment", lambda: self.store.get("env") or environment(), replace=True)
        given = given_parameters(self.store.get("runtime_params"))
        OmegaConf.register_new_resolver("given_parameters", lambda: given, replace=True)
        return super()._get_config_loader()

    def load_context(self) -> KedroContext:
        """Load the context as Kedro does; a mistake in the configuration ends in one line."""
        with one_line_errors():
            return super().load_context()

    def run(
        self,
        pipeline_name: str | None = None,
        pipeline_names: list[str] | None = None,
        *,
        namespaces: Iterable[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Run as Kedro does; what the user can mend is refused before anything is written, in one line."""
        names = list(pipeline_names or ([pipeline_name] if pipeline_name else ["__default__"]))
        with one_line_errors(), told_once(), interrupts():
            self._leave_out_run_events()
            places = self._places()
            parameters = self._check_configuration(names, places)
            nodes = _registered(names)
            if self._agent is not None:
                namespaces = _namespaces_of(self._agent, names, nodes, namespaces)
            try:
                chosen = nodes.filter(node_namespaces=namespaces, **{key: kwargs.get(key) for key in FILTERS})
            except ValueError as error:
                raise UserError(str(error)) from None
            _check_publishes_one(chosen)
            _check_refits(chosen, parameters)
            _check_first_trials(chosen, parameters, places)
            _check_encoders(chosen, parameters)
            self._check_agreement(chosen, parameters)
            at_once = _agents_at_once(chosen, parameters)
            runner = kwargs.pop("runner", None)
            if runner is None or type(runner) is SequentialRunner:
                is_async = runner is not None and runner._is_async
                command = self._command(names, kwargs.get("load_versions"), is_async)
                runner = AgentRunner(is_async, at_once=at_once, command=command)
            return super().run(pipeline_names=names, namespaces=namespaces, runner=runner, **kwargs)

    def _places(self) -> Places:
        return Places(self.store.get("runtime_params") or {}, parameter_files(self._get_config_loader()))

    def _check_configuration(self, names: list[str], places: Places) -> Parameters:
        """Type all parameters, and leave tracking out where all pipelines are without it: it costs seconds."""
        loader = self._get_config_loader()
        parameters = check_parameters(loader["parameters"], places)
        untracked = loader["mlflow"]["tracking"]["disable_tracking"]["pipelines"]
        if set(names) <= set(untracked):
            self._hook_manager.unregister(name="mlflow_hook")
        return parameters

    def _leave_out_run_events(self) -> None:
        """kedro-viz writes the message of each error to .viz/kedro_pipeline_events.json, and it may quote a post."""
        if self._hook_manager.has_plugin("pipeline-run-hook"):
            self._hook_manager.unregister(name="pipeline-run-hook")

    def _check_agreement(self, chosen: Pipeline, parameters: Parameters) -> None:
        """Refuse to read a corpus whose data agreement nobody has confirmed; record whoever does so now."""
        catalog = self._get_config_loader()["catalog"]
        under = {name: entry for name, entry in catalog.items() if entry.get("agreement")}
        gated = [entry for name, entry in sorted(under.items()) if name in chosen.inputs()]
        if "params:predict" in chosen.inputs():
            folder = parameters.predict.posts_file.resolve().parent
            gated += [entry for entry in under.values() if (self._project_path / entry["filepath"]).resolve().parent == folder]
        if not gated:
            if self._confirmed_by is not None:
                raise UserError("--params data_agreement=...: this run reads nothing that is under an agreement: leave it out.")
            return
        agreement = named_agreement(gated[0]["agreement"])
        files = [self._project_path / entry["filepath"] for entry in gated]
        if self._confirmed_by is not None:
            for record in confirm(agreement, files, str(self._confirmed_by)):
                log.info("recorded that '%s' is confirmed: %s", agreement.name, shown_path(record))
        for folder in {file.parent for file in files}:
            check_confirmed(agreement, folder)


def _registered(names: list[str]) -> Pipeline:
    pipelines.set_requested(None)
    for name in names:
        if name not in pipelines:
            raise UserError(f"There is no pipeline '{name}'{closest(name, pipelines)}")
    return sum((pipelines[name] for name in names), Pipeline([]))


def _namespaces_of(agent: str, names: list[str], nodes: Pipeline, namespaces: Iterable[str] | None) -> list[str]:
    if agent not in AGENTS:
        raise UserError(f"--params agent={agent}: there is no such agent{closest(agent, AGENTS)}")
    if namespaces:
        raise UserError("--params agent=... and --namespaces say the same thing: give one of them.")
    for name in names:
        if name.endswith("_all") or not any(agent_of(node) == agent for node in pipelines[name].nodes):
            raise UserError(f"Pipeline '{name}' does not work on one agent: leave out --params agent={agent}.")
    present = {node.namespace for node in nodes.nodes}
    return [space for space in (preprocessing.NAMESPACE, agent) if space in present]


def _searches(chosen: Pipeline, parameters: Parameters) -> Iterator[tuple[str, StageConfig]]:
    """Agent and stage of every search that will run."""
    for node in chosen.nodes:
        stage = search_of(node)
        if stage is not None:
            yield agent_of(node), getattr(parameters.hpo, stage)


def _check_publishes_one(chosen: Pipeline) -> None:
    """Refuse to publish several agents at once: each has a repository of its own, and is asked for by itself."""
    agents = {agent_of(node) for node in chosen.nodes if PUBLISHES in node.tags}
    if len(agents) > 1:
        raise UserError("Pipeline 'publish' uploads one agent at a time: say which with --params agent=NAME.")


def _check_refits(chosen: Pipeline, parameters: Parameters) -> None:
    """Refuse a refit of a stage whose best trials its node is not given: the stages before it take days."""
    stage = parameters.hpo.refit.stage
    for node in chosen.nodes:
        stages = candidates_of(node)
        if len(stages) > 1 and stage not in stages:
            raise UserError(f"hpo.refit.stage is {stage}, which this pipeline does not run: use the pipeline refit for it.")


def _agents_at_once(chosen: Pipeline, parameters: Parameters) -> int:
    """Agents at a time; auto: all of them if they run trials, and all trials run over a cluster, else one."""
    stages = {stage for node in chosen.nodes if (stage := stage_of(node)) is not None}
    here = [f"hpo.{name}" for name in sorted(stages) if parameters.hpo.workers_of(name).executor.scheduler is None]
    wanted = parameters.hpo.agents_at_once
    if wanted == "auto":
        return len(AGENTS) if stages and not here else 1
    if wanted > 1 and here:
        raise UserError(
            f"hpo.agents_at_once is {wanted}, but the trials of {here[0]} run on this machine: give it a cluster "
            f"(hpo.workers.executor.name=dask,hpo.workers.executor.scheduler=...), or leave agents_at_once out."
        )
    return wanted


def _check_first_trials(chosen: Pipeline, parameters: Parameters, places: Places) -> None:
    """Refuse a first trial that does not fit the space of a search that will run."""
    for agent, stage in _searches(chosen, parameters):
        with named(places):
            parameters.search_space.firsts(agent, parameters.search_space.space(agent, stage.space, parameters.training))


def _check_encoders(chosen: Pipeline, parameters: Parameters) -> None:
    """Refuse an encoder that is nowhere, of a search or of what reads the training parameters otherwise."""
    wanted = set()
    for agent, stage in _searches(chosen, parameters):
        wanted.update(parameters.search_space.encoders(agent, stage.space, parameters.training))
    if any("params:training" in node.inputs and search_of(node) is None for node in chosen.nodes):
        wanted.add(parameters.training.hyperparameters({}).encoder)
    for encoder in sorted(wanted):
        locate_encoder(encoder)
