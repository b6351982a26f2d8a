"""The project's Kedro session: checks a run before it starts, and reports mistakes in one line."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from omegaconf import OmegaConf

from psy_agents.app.agent_runner import AgentRunner
from psy_agents.app.arguments import check_agent, check_dry_run, check_folder, check_load_versions, check_runner
from psy_agents.app.checks import (
    advise_on_space,
    agents_at_once,
    check_agreement,
    check_encoders,
    check_files,
    check_first_trials,
    check_one_agent_is_published,
    check_refit_stage,
    namespaces_of_agents,
    pipeline_of,
    registered_nodes,
)
from psy_agents.app.commands.dry_run import print_plan, search_plan
from psy_agents.app.config_loader import ConfigLoader
from psy_agents.app.error_reporting import errors_in_one_line, without_kedro_error_logs
from psy_agents.app.hooks.tracked_run import TrackedRun
from psy_agents.app.hooks.tracking import NestedRunHooks
from psy_agents.app.hooks.viewers import ViewerHooks
from psy_agents.app.parallel_agents import AgentJob, Command
from psy_agents.app.parameter_errors import Places, parameter_files
from psy_agents.app.parameters import Parameters, check_parameters
from psy_agents.app.resolvers import environment, given_parameters
from psy_agents.app.signals import signals_as_interrupt
from psy_agents.datasets.project import project_path
from psy_agents.errors import UserError

MLFLOW_HOOK = "mlflow_hook"
"""The name of kedro-mlflow's plugin."""
FILTERS = ("tags", "from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs")


class AgentSession(KedroSession):
    """Consumes three ``--params``; they are not logged.

    ``agent=NAME`` or ``agent=ONE+OTHER`` becomes Kedro's namespace filter: the preprocessing and the nodes of these agents.
    ``data_agreement=PERSON`` confirms the data agreement of the corpus that the run reads.
    ``dry_run=true`` prints what a search will take, and runs nothing.
    """

    _agent: str | None = None
    _confirmed_by: Any = None
    _dry_run = False
    _checked = False
    _loader: ConfigLoader | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hook = self._hook_manager.get_plugin(MLFLOW_HOOK)
        if hook is not None:
            self._hook_manager.unregister(hook)
            self._hook_manager.register(TrackedRun(hook), name=MLFLOW_HOOK)

    @classmethod
    def create(cls, *args: Any, runtime_params: dict[str, Any] | None = None, **kwargs: Any) -> AgentSession:
        params = dict(runtime_params or {})
        with errors_in_one_line():
            check_agent(params)
            check_dry_run(params)
        dry_run = params.pop("dry_run", False)
        agent, confirmed_by = params.pop("agent", None), params.pop("data_agreement", None)
        session = super().create(*args, runtime_params=params, **kwargs)
        session._agent, session._confirmed_by, session._dry_run = agent, confirmed_by, dry_run
        return session

    @classmethod
    def for_job(cls, job: AgentJob) -> AgentSession:
        """The session of an agent's process: runs that agent's nodes of the command."""
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
            for viewers in [plugin for plugin in session._hook_manager.get_plugins() if isinstance(plugin, ViewerHooks)]:
                session._hook_manager.unregister(viewers)
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

    def _get_config_loader(self) -> ConfigLoader:
        """The session's one loader; sets the resolvers that depend on the session: one process may hold sessions of several projects."""
        check_folder(self._project_path, self._conf_source)
        in_project = partial(project_path, project=self._project_path)
        OmegaConf.register_new_resolver("project_path", in_project, replace=True)
        OmegaConf.register_new_resolver("environment", lambda: self.store.get("env") or environment(), replace=True)
        given = given_parameters(self.store.get("runtime_params"))
        OmegaConf.register_new_resolver("given_parameters", lambda: given, replace=True)
        if self._loader is None:
            self._loader = super()._get_config_loader()
        return self._loader

    def load_context(self) -> KedroContext:
        """Load the context as Kedro does, also for notebooks; report a mistake in the configuration in one line."""
        with errors_in_one_line():
            if not self._checked:
                check_parameters(self._get_config_loader()["parameters"], self._places())
            return super().load_context()

    def run(
        self,
        pipeline_name: str | None = None,
        pipeline_names: list[str] | None = None,
        *,
        namespaces: Iterable[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Run as Kedro does, after the checks of the run. An error is one line, and a failed check writes nothing."""
        names = list(pipeline_names or [pipeline_name or pipeline_of(kwargs)])
        with errors_in_one_line(), without_kedro_error_logs(), signals_as_interrupt():
            self._disable_run_events()
            check_runner(kwargs.get("runner"))
            places = self._places()
            parameters = self._check_configuration(names, places)
            nodes = registered_nodes(names)
            if self._agent is not None:
                namespaces = namespaces_of_agents(self._agent, names, nodes, namespaces)
            try:
                chosen = nodes.filter(node_namespaces=namespaces, **{key: kwargs.get(key) for key in FILTERS})
            except ValueError as error:
                raise UserError(str(error)) from None
            check_one_agent_is_published(chosen)
            check_refit_stage(chosen, parameters)
            check_first_trials(chosen, parameters, places)
            catalog = self._get_config_loader()["catalog"]
            if self._dry_run:
                self._print_plan(names, chosen, parameters, catalog)
                return {}
            check_load_versions(kwargs.get("load_versions"), catalog)
            record_agreement = check_agreement(chosen, parameters, catalog, self._project_path, self._confirmed_by)
            check_encoders(chosen, parameters, places)  # It may download one: not for a run that is refused.
            record_agreement()
            advise_on_space(chosen, parameters)
            at_once = agents_at_once(chosen, parameters)
            runner = kwargs.pop("runner", None)
            if runner is None or type(runner) is SequentialRunner:
                is_async = runner is not None and runner._is_async
                command = self._command(names, kwargs.get("load_versions"), is_async)
                runner = AgentRunner(is_async, at_once=at_once, command=command)
            return super().run(pipeline_names=names, namespaces=namespaces, runner=runner, **kwargs)

    def _print_plan(self, names: list[str], chosen: Pipeline, parameters: Parameters, catalog: dict[str, Any]) -> None:
        store, loader = catalog["study_store"], self._get_config_loader()
        credentials = store.get("credentials")
        address = loader["credentials"][credentials]["url"] if credentials else self._project_path / store["filepath"]
        rows = search_plan(names, chosen, parameters, address, self._project_path / catalog["corpus"]["filepath"])
        print_plan(rows, parameters.hpo.paths.checkpoints)

    def _places(self) -> Places:
        return Places(self.store.get("runtime_params") or {}, parameter_files(self._get_config_loader()))

    def _check_configuration(self, names: list[str], places: Places) -> Parameters:
        """Validate all parameters; disable MLflow, which takes seconds to start, if no pipeline is tracked."""
        loader = self._get_config_loader()
        parameters = check_parameters(loader["parameters"], places)
        check_files(parameters, loader["globals"].get("files", {}), places)
        self._checked = True
        untracked = loader["mlflow"]["tracking"]["disable_tracking"]["pipelines"]
        if set(names) <= set(untracked):
            self._hook_manager.unregister(name=MLFLOW_HOOK)
        return parameters

    def _disable_run_events(self) -> None:
        """Disable kedro-viz's log of run events: it saves error messages, which may quote a post."""
        if self._hook_manager.has_plugin("pipeline-run-hook"):
            self._hook_manager.unregister(name="pipeline-run-hook")
