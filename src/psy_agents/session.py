"""The session: one agent by name, every runtime parameter known, errors of one line, runs that end as killed."""

from __future__ import annotations

import difflib
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import click
from kedro.framework.project import pipelines, settings
from kedro.framework.session import KedroSession
from kedro.io.core import DatasetError
from kedro.validation.exceptions import ParameterValidationError

from psy_agents.agents.names import AGENTS
from psy_agents.errors import UserError

SECTIONS = ("hpo", "preprocessing", "search_space", "synthetic_corpus", "training")
SHARED_NAMESPACE = "preprocessing"


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

    def run(
        self,
        pipeline_name: str | None = None,
        pipeline_names: list[str] | None = None,
        *,
        namespaces: Iterable[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Run as Kedro does; a mistake of the user ends in one line."""
        names = list(pipeline_names or ([pipeline_name] if pipeline_name else ["__default__"]))
        with _one_line_errors(), _sigterm_interrupts():
            self._check_parameters()
            if self._agent is not None:
                namespaces = _namespaces_of(self._agent, names, namespaces)
            try:
                return super().run(pipeline_names=names, namespaces=namespaces, **kwargs)
            except KeyboardInterrupt:
                _end_mlflow_runs_as_killed()
                raise

    def _check_parameters(self) -> None:
        """Refuse parameters that nothing reads, wherever they come from."""
        loader = settings.CONFIG_LOADER_CLASS(
            conf_source=self._conf_source, env=self.store.get("env"), **settings.CONFIG_LOADER_ARGS
        )
        known = loader["parameters"]
        for section in known:
            if section not in SECTIONS:
                raise UserError(f"conf: parameters have no section '{section}'{_closest(section, SECTIONS)}.")
        _refuse_unknown(self.store.get("runtime_params") or {}, known, "")


def _refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any], path: str) -> None:
    for name, value in given.items():
        here = f"{path}{name}"
        if name not in known:
            also = "" if path else f"; agent is one of {', '.join(AGENTS)}"
            raise UserError(f"--params {here}: there is no such parameter{_closest(name, known)}{also}.")
        if isinstance(value, Mapping) and isinstance(known[name], Mapping) and known[name]:
            _refuse_unknown(value, known[name], f"{here}.")


def _closest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(name), [str(n) for n in names], n=1)
    return f", did you mean '{near[0]}'?" if near else f" (there are: {', '.join(map(str, names))})"


def _namespaces_of(agent: str, names: list[str], namespaces: Iterable[str] | None) -> list[str]:
    if agent not in AGENTS:
        raise UserError(f"--params agent={agent}: there is no such agent, choose one of {', '.join(AGENTS)}.")
    if namespaces:
        raise UserError("--params agent=... and --namespaces say the same thing: give one of them.")
    chosen = []
    for name in names:
        if name not in pipelines:
            near = difflib.get_close_matches(name, list(pipelines), n=1)
            raise UserError(f"There is no pipeline '{name}'{f', did you mean {near[0]}?' if near else ''}.")
        present = {node.namespace for node in pipelines[name].nodes}
        if agent not in present:
            raise UserError(f"Pipeline '{name}' does not work on one agent: leave out --params agent={agent}.")
        chosen += [space for space in (SHARED_NAMESPACE, agent) if space in present]
    return list(dict.fromkeys(chosen))


@contextmanager
def _one_line_errors():
    """Turn what the user can mend into one line: as Click's error on the command line, as UserError elsewhere."""
    try:
        yield
    except Exception as error:
        found = _user_error(error)
        if found is None:
            raise
        if click.get_current_context(silent=True) is None:
            raise found from None
        raise click.ClickException(str(found)) from None


def _user_error(error: BaseException) -> UserError | None:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    for link in chain:
        if isinstance(link, UserError):
            return link
    for link in chain:
        if isinstance(link, ParameterValidationError):
            return UserError("Parameters: " + " ".join(str(link).split()))
    if isinstance(chain[0], DatasetError):
        missing = next((link for link in chain if isinstance(link, FileNotFoundError) and link.filename), None)
        if missing is not None:
            return UserError(f"File {missing.filename} is missing: put it there, or name another corpus in conf.")
        root = chain[-1]
        dataset = str(chain[0]).split("(")[0].strip().rstrip(".")
        # The root's own message may quote cells of a file, so only its kind is told.
        return UserError(f"{' '.join(dataset.split())}: {type(root).__name__}: check that the file is complete and UTF-8.")
    return None


@contextmanager
def _sigterm_interrupts():
    """Let SIGTERM end a run as Ctrl-C does, so that what it holds is closed in order."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt(f"stopped by {signal.Signals(signum).name}")

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: whoever owns it decides
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end_mlflow_runs_as_killed() -> None:
    mlflow = sys.modules.get("mlflow")
    while mlflow is not None and mlflow.active_run() is not None:
        mlflow.end_run("KILLED")
