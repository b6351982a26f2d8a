"""The order in which a pipeline of several agents runs: agent after agent, and one's failure stops that one alone."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner
from pluggy import PluginManager

from psy_agents.agents.names import AGENTS
from psy_agents.errors import UserError, errors_are_shown, withheld
from psy_agents.told_errors import user_error

log = logging.getLogger(__name__)


class AgentRunner(SequentialRunner):
    """Runs what all agents share, then each agent's nodes to their end, then what reads the agents' results.

    A night's run that is stopped has so finished agents and not four halves. What comes last runs also where an agent
    has failed; the run then ends with an error that names those that failed.
    """

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
        ended: dict[str, str] = {}
        failed: dict[str, Exception] = {}
        for agent, nodes in by_agent.items():
            started = time.monotonic()
            try:
                super()._run(Pipeline(nodes), catalog, hook_manager, run_id)
            except Exception as error:
                failed[agent] = error
                ended[agent] = f"failed: {_told(error)}"
                log.error("%s %s", agent, ended[agent])
            else:
                ended[agent] = f"finished in {timedelta(seconds=round(time.monotonic() - started))}"
        if after:
            try:
                super()._run(Pipeline(after), catalog, hook_manager, run_id)
            except Exception as error:
                if not failed:
                    raise
                log.error("what reads the agents' results failed as well: %s", _told(error))
        log.info("agents: %s", "; ".join(f"{agent} {how}" for agent, how in ended.items()))
        if failed:
            finished = [agent for agent in by_agent if agent not in failed]
            raise UserError(
                f"{len(failed)} of {len(by_agent)} agents failed ({'; '.join(f'{a}: {_told(e)}' for a, e in failed.items())}); "
                f"finished: {', '.join(finished) or 'none'}. The same command goes on with what is left."
            )


def in_order(pipeline: Pipeline) -> tuple[list[Node], dict[str, list[Node]], list[Node]]:
    """Nodes that no agent comes before, each agent's own in the agents' order, and those that read agents' results."""
    before, after = [], []
    by_agent: dict[str, list[Node]] = {}
    behind: set[Node] = set()
    for node in pipeline.nodes:
        if node.namespace in AGENTS:
            by_agent.setdefault(node.namespace, []).append(node)
        elif pipeline.node_dependencies[node] & behind:
            after.append(node)
        else:
            before.append(node)
            continue
        behind.add(node)
    return before, {agent: by_agent[agent] for agent in AGENTS if agent in by_agent}, after


def _told(error: Exception) -> str:
    if errors_are_shown():
        return str(error)
    return " ".join(str(user_error(error) or withheld(error)).split())
