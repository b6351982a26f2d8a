"""The session: one agent by name, every parameter known, mistakes in one line, runs that end as killed."""

from __future__ import annotations

import logging
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import click
import yaml
from kedro.config import AbstractConfigLoader, MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.io.core import DatasetError
from kedro.pipeline import Pipeline
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from psy_agents.agents.names import AGENTS
from psy_agents.errors import UserError
from psy_agents.parameters import Parameters, check_parameters, closest
from psy_agents.pipelines import preprocessing
from psy_agents.resolvers import project_path, shown_path

FILTERS = ("tags", "from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs")


class AgentSession(KedroSession):
    """Turns ``--params agent=NAME`` into Kedro's namespace filter: that agent's nodes and the preprocessing."""

    _agent: str | None = None

    @classmethod
    def create(cls, *args: Any, runtime_params: dict[str, Any] | None = None, **kwargs: Any) -> AgentSession:
        params = dict(runtime_params or {})
        agent = params.pop("agent", None)
        session = super().create(*args, runtime_params=params, **kwargs)
        session._agent = agent
        return session

    def _get_config_loader(self) -> AbstractConfigLoader:
        """Let ``project_path`` mean this session's project: a process may hold sessions of several."""
        in_project = partial(project_path, project=self._project_path)
        OmegaConf.register_new_resolver("project_path", in_project, replace=True)
        return super()._get_config_loader()

    def load_context(self) -> KedroContext:
        """Load the context as Kedro does; a mistake in the configuration ends in one line."""
        with _one_line_errors():
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
        with _one_line_errors(), _told_once(), _interrupts():
            parameters = self._check_configuration(names)
            nodes = _registered(names)
            if self._agent is not None:
                namespaces = _namespaces_of(self._agent, names, nodes, namespaces)
            try:
                chosen = nodes.filter(node_namespaces=namespaces, **{key: kwargs.get(key) for key in FILTERS})
            except ValueError as error:
                raise UserError(str(error)) from None
            _check_spaces(chosen, parameters)
            return super().run(pipeline_names=names, namespaces=namespaces, **kwargs)

    def _check_configuration(self, names: list[str]) -> Parameters:
        """Type all parameters, and leave tracking out where all pipelines are without it: it costs seconds."""
        loader = self._get_config_loader()
        parameters = check_parameters(loader["parameters"], self.store.get("runtime_params") or {})
        untracked = loader["mlflow"]["tracking"]["disable_tracking"]["pipelines"]
        if set(names) <= set(untracked):
            self._hook_manager.unregister(name="mlflow_hook")
        return parameters


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
        if not any(node.namespace == agent for node in pipelines[name].nodes):
            raise UserError(f"Pipeline '{name}' does not work on one agent: leave out --params agent={agent}.")
    present = {node.namespace for node in nodes.nodes}
    return [space for space in (preprocessing.NAMESPACE, agent) if space in present]


def _check_spaces(chosen: Pipeline, parameters: Parameters) -> None:
    """Refuse a search space or a baseline that does not fit an agent that will run."""
    for agent in (agent for agent in AGENTS if any(node.namespace == agent for node in chosen.nodes)):
        for size in ("small", "large"):
            space = parameters.search_space.space(agent, size, parameters.training)
        for baseline in parameters.search_space.baselines.get(agent, []):
            space.complete(baseline)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn what the user can mend into one line: as Click's error on the command line, as UserError elsewhere."""
    try:
        yield
    except Exception as error:
        found = _user_error(error)
        if found is None:
            raise
        if click.get_current_context(silent=True) is None:
            raise found from None
        raise click.ClickException(" ".join(str(found).split())) from None


@contextmanager
def _told_once() -> Iterator[None]:
    """Drop what Kedro logs about an error that will be told in one line."""
    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(_unless_told)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_unless_told)


def _unless_told(record: logging.LogRecord) -> bool:
    error = sys.exc_info()[1]
    return not (isinstance(error, Exception) and record.name.startswith("kedro") and _user_error(error))


def _user_error(error: BaseException) -> UserError | None:
    """The user's error behind an exception, or None where it is the program's."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    told = next((link for link in chain if isinstance(link, UserError)), None)
    if told is not None:
        return told
    # OmegaConf drops the cause of a resolver's error and keeps its words.
    resolver = re.search(r"UserError raised while resolving interpolation: (.*?)\s+full_key:", str(error), re.S)
    if resolver is not None:
        return UserError(resolver[1])
    match error:
        case DatasetError():
            return _dataset_error(error, chain)
        case yaml.YAMLError() | OmegaConfBaseException() | MissingConfigException():
            return UserError(f"conf: {' '.join(str(error).split())}")
        case ValueError() if str(error).startswith("Duplicate keys found in"):
            return UserError(f"conf: {' '.join(str(error).split())}")
        case ValidationError() if error.title == "KedroMlflowConfig":
            first = error.errors(include_url=False)[0]
            return UserError(f"conf: mlflow.yml: {'.'.join(map(str, first['loc']))}: {first['msg']}.")
    return None


def _dataset_error(error: DatasetError, chain: list[BaseException]) -> UserError | None:
    """A file that cannot be read or written; its own message may quote cells, so only its kind is told."""
    failed = re.search(r"Failed while (loading|saving) data \w+ dataset .*?filepath=(?:\w+\(')?([^',)]+)", str(error), re.S)
    if failed is None:
        return None
    doing, file = failed.groups()
    missing = any(isinstance(link, FileNotFoundError) for link in chain)
    if doing == "loading" and missing:
        return UserError(f"{shown_path(file)} is missing: put it there, or run the pipeline that makes it.")
    kind = type(chain[-1]).__name__
    if doing == "loading":
        return UserError(f"{shown_path(file)} cannot be read ({kind}): is it complete, and is its text UTF-8?")
    return UserError(f"{shown_path(file)} cannot be written ({kind}): is there space, and may you write there?")


class Terminated(KeyboardInterrupt):
    """SIGTERM."""

    signal = signal.SIGTERM


@contextmanager
def _interrupts() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does, end MLflow's runs as killed, and exit as a shell expects."""

    def interrupt(_signum: int, _frame: object) -> None:
        raise Terminated("stopped by SIGTERM")

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # Not the main thread: whoever owns it decides.
        before = None
    outer = _active_mlflow_run()
    try:
        yield
    except KeyboardInterrupt as error:
        while (run := _active_mlflow_run()) is not None and run != outer:
            sys.modules["mlflow"].end_run("KILLED")
        if click.get_current_context(silent=True) is None:
            raise
        click.echo(f"Stopped: {error or 'interrupted'}", err=True)
        raise click.exceptions.Exit(128 + getattr(error, "signal", signal.SIGINT)) from None
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _active_mlflow_run() -> str | None:
    mlflow = sys.modules.get("mlflow")
    run = mlflow.active_run() if mlflow is not None else None
    return None if run is None else run.info.run_id
