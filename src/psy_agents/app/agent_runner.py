"""The order in which a pipeline of several agents runs: one's failure stops that one alone, one after another or at once."""

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
from psy_agents.app.error_reporting import told
from psy_agents.app.parallel_agents import AgentJob, Command, run_agents
from psy_agents.app.signals import active_mlflow_run
from psy_agents.errors import UserError
from psy_agents.pipelines.tags import agent_of

log = logging.getLogger(__name__)


class AgentRunner(SequentialRunner):
    """Runs what all agents share, then each agent's nodes to their end, then what reads the agents' results.

    On one machine agent after agent, so a run stopped overnight leaves finished agents. Over a cluster several at once,
    each in its own process. The last nodes run even if an agent failed; the run then ends with an error that names
    the failed agents.

    Args:
        at_once: agents at a time.
        command: how the session was called; needed for more than one at a time.
    """

    def __init__(self, is_async: bool = False, *, at_once: int = 1, command: Command | None = None) -> None:
        super().__init__(is_async=is_async)
        self._at_once, self._command = at_once, command

    @property
    def _logger(self) -> logging.Logger:
        """Kedro's own: what Kedro says is as quiet here as with any other runner."""
        return logging.getLogger(SequentialRunner.__module__)

    def _run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
    ) -> None:
        before, by_agent, after = in_order(pipeline)
        if len(by_agent) < 2:
            super()._run(pipeline, catalog, hook_manager, run_id)
            return
        if before:
            super()._run(Pipeline(before), catalog, hook_manager, run_id)
        if self._at_once > 1:
            ended, failed = self._side_by_side(by_agent, catalog, run_id)
        else:
            ended, failed = self._one_by_one(by_agent, catalog, hook_manager, run_id)
        if after:
            try:
                super()._run(Pipeline(after), catalog, hook_manager, run_id)
            except Exception as error:
                if not failed:
                    raise
                log.error("what reads the agents' results failed as well: %s", told(error))
        _tell_end(ended)
        if failed:
            finished = [agent for agent in by_agent if agent not in failed]
            raise UserError(
                f"{len(failed)} of {len(by_agent)} agents failed ({'; '.join(f'{a}: {e}' for a, e in failed.items())}); "
                f"finished: {', '.join(finished) or 'none'}. The same command goes on with what is left."
            )

    def _one_by_one(
        self,
        by_agent: dict[str, list[Node]],
        catalog: CatalogProtocol,
        hook_manager: PluginManager | None,
        run_id: str | None,
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Run agent after agent; return how each ended, and the failures."""
        ended: dict[str, str] = {}
        failed: dict[str, str] = {}
        for agent, nodes in by_agent.items():
            started = time.monotonic()
            try:
                super()._run(Pipeline(nodes), catalog, hook_manager, run_id)
            except Exception as error:
                failed[agent] = told(error)
                ended[agent] = f"failed: {failed[agent]}"
                log.error("%s %s", agent, ended[agent])
            else:
                ended[agent] = f"finished in {timedelta(seconds=round(time.monotonic() - started))}"
        return ended, failed

    def _side_by_side(
        self, by_agent: dict[str, list[Node]], catalog: CatalogProtocol, run_id: str
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The same, with a process for each agent; this process then loads what they saved afresh."""
        from psy_agents.hpo.engine.interruption import SearchInterrupted, interrupt_signal  # With them comes optuna.
        from psy_agents.tracking.callback import end_open_child_runs

        mlflow_run = active_mlflow_run()
        jobs = [
            AgentJob(self._command, agent, tuple(node.name for node in nodes), run_id, mlflow_run, first=place == 0)
            for place, (agent, nodes) in enumerate(by_agent.items())
        ]
        log.info("%d agents, %d at once, each in a process of its own", len(jobs), min(self._at_once, len(jobs)))
        with interrupt_signal() as interrupt:
            ended, failed = run_agents(jobs, self._at_once, interrupt)
        if mlflow_run is not None:
            end_open_child_runs(mlflow_run)
        if interrupt.signal is not None:
            _tell_end(ended)
            raise SearchInterrupted(interrupt.signal)
        for name in {name for nodes in by_agent.values() for node in nodes for name in node.outputs}:
            catalog.release(name)
        return ended, failed


def in_order(pipeline: Pipeline) -> tuple[list[Node], dict[str, list[Node]], list[Node]]:
    """Nodes that no agent comes before, each agent's own in the agents' order, and those that read agents' results."""
    before, after = [], []
    by_agent: dict[str, list[Node]] = {}
    behind: set[Node] = set()
    for node in pipeline.nodes:
        agent = agent_of(node)
        if agent is not None:
            by_agent.setdefault(agent, []).append(node)
        elif pipeline.node_dependencies[node] & behind:
            after.append(node)
        else:
            before.append(node)
            continue
        behind.add(node)
    return before, {agent: by_agent[agent] for agent in AGENTS if agent in by_agent}, after


def _tell_end(ended: dict[str, str]) -> None:
    log.info("agents: %s", "; ".join(f"{agent} {how}" for agent, how in ended.items()))
