"""The runner of pipelines with several agents: the failure of one agent does not stop the others."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner
from pluggy import PluginManager

from psy_agents.agents.registry import AGENTS
from psy_agents.app.error_reporting import error_line
from psy_agents.app.parallel_agents import AgentJob, Command, run_agents
from psy_agents.app.signals import active_mlflow_run
from psy_agents.errors import UserError
from psy_agents.pipelines.tags import agent_of

log = logging.getLogger(__name__)


class AgentRunner(SequentialRunner):
    """Runs the shared nodes, then the nodes of each agent, then the nodes that read the agents' results.

    On one machine it runs agent after agent: a run stopped overnight leaves finished agents. Over a cluster it runs
    several at once, each in a separate process. The last nodes run even if an agent failed; the run then ends with an
    error that names the failed agents.

    Args:
        at_once: agents at a time.
        command: the arguments of the session; needed for more than one agent at a time.
    """

    def __init__(self, is_async: bool = False, *, at_once: int = 1, command: Command | None = None) -> None:
        super().__init__(is_async=is_async)
        self._at_once, self._command = at_once, command

    def __str__(self) -> str:
        """Its name, which Kedro records as the run's runner and MLflow shows; without this, an address in memory."""
        return type(self).__name__

    @property
    def _logger(self) -> logging.Logger:
        """Kedro's logger, which conf/logging.yml configures."""
        return logging.getLogger(SequentialRunner.__module__)

    def _run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
    ) -> None:
        before, by_agent, after = split_by_agent(pipeline)
        if len(by_agent) < 2:
            super()._run(pipeline, catalog, hook_manager, run_id)
            return
        if before:
            super()._run(Pipeline(before), catalog, hook_manager, run_id)
        if self._at_once > 1:
            outcomes, failures = self._run_in_processes(by_agent, catalog, run_id)
        else:
            outcomes, failures = self._run_in_turn(by_agent, catalog, hook_manager, run_id)
        if after:
            try:
                super()._run(Pipeline(after), catalog, hook_manager, run_id)
            except Exception as error:
                if not failures:
                    raise
                log.error("the nodes that read the agents' results failed too: %s", error_line(error))
        _log_summary(outcomes, failures)
        if failures:
            finished = [agent for agent in by_agent if agent not in failures]
            raise UserError(
                f"{len(failures)} of {len(by_agent)} agents failed ({'; '.join(f'{a}: {e}' for a, e in failures.items())}); "
                f"finished: {', '.join(finished) or 'none'}. The same command continues with the rest."
            )

    def _run_in_turn(
        self,
        by_agent: dict[str, list[Node]],
        catalog: CatalogProtocol,
        hook_manager: PluginManager | None,
        run_id: str | None,
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Run agent after agent; return the outcome of each, and the reason of each failure."""
        outcomes: dict[str, str] = {}
        failures: dict[str, str] = {}
        for agent, nodes in by_agent.items():
            started = time.monotonic()
            try:
                super()._run(Pipeline(nodes), catalog, hook_manager, run_id)
            except Exception as error:
                failures[agent] = error_line(error)
                outcomes[agent] = f"failed: {failures[agent]}"
                log.error("%s %s", agent, outcomes[agent])
            else:
                outcomes[agent] = f"finished in {timedelta(seconds=round(time.monotonic() - started))}"
        return outcomes, failures

    def _run_in_processes(
        self, by_agent: dict[str, list[Node]], catalog: CatalogProtocol, run_id: str
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Run each agent in a process; return as `_run_in_turn` does. Release the agents' datasets: later nodes load them from disk."""
        from psy_agents.hpo.engine.interruption import SearchInterrupted, interrupt_signal  # These import Optuna.
        from psy_agents.tracking.callback import end_open_child_runs

        mlflow_run = active_mlflow_run()
        jobs = [
            AgentJob(self._command, agent, tuple(node.name for node in nodes), run_id, mlflow_run, first=place == 0)
            for place, (agent, nodes) in enumerate(by_agent.items())
        ]
        log.info("running %d agents, %d at once, each in a separate process", len(jobs), min(self._at_once, len(jobs)))
        with interrupt_signal() as interrupt:
            outcomes, failures = run_agents(jobs, self._at_once, interrupt)
        if mlflow_run is not None:
            end_open_child_runs(mlflow_run)
        if interrupt.signal is not None:
            _log_summary(outcomes, failures)
            raise SearchInterrupted(interrupt.signal)
        for name in {name for nodes in by_agent.values() for node in nodes for name in node.outputs}:
            catalog.release(name)
        return outcomes, failures


def split_by_agent(pipeline: Pipeline) -> tuple[list[Node], dict[str, list[Node]], list[Node]]:
    """Split into nodes that depend on no agent, the nodes of each agent in the agents' order, and nodes that depend on agents."""
    before, after = [], []
    by_agent: dict[str, list[Node]] = {}
    dependent: set[Node] = set()
    for node in pipeline.nodes:
        agent = agent_of(node)
        if agent is not None:
            by_agent.setdefault(agent, []).append(node)
        elif pipeline.node_dependencies[node] & dependent:
            after.append(node)
        else:
            before.append(node)
            continue
        dependent.add(node)
    return before, {agent: by_agent[agent] for agent in AGENTS if agent in by_agent}, after


def _log_summary(outcomes: dict[str, str], failures: dict[str, str]) -> None:
    finished = sum(outcome.startswith("finished") for outcome in outcomes.values())
    counts = [f"{finished} of {len(outcomes)} agents finished"]
    if failures:
        counts.append(f"{len(failures)} failed")
    if len(outcomes) > finished + len(failures):
        counts.append(f"{len(outcomes) - finished - len(failures)} stopped")
    log.info("%s: %s", ", ".join(counts), "; ".join(f"{agent} {outcome}" for agent, outcome in outcomes.items()))
