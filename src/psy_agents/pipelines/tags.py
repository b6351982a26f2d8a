"""Tags of nodes: the agent they work for, the stage they run, the stages whose best trials they read.

``kedro run --tags stage.stage0`` and kedro-viz filter by them, and the session and the hooks read them.
"""

from __future__ import annotations

from kedro.pipeline.node import Node

PUBLISHES = "publishes"
"""On a node that uploads a model."""

REFIT = "refit"
"""The stage tag of a refit, which is not a search."""

CROSS_VALIDATION = "cross_validation"
"""The stage tag of a cross-validation, which runs stages and refits for each fold."""


def agent_tag(agent: str) -> str:
    """On every node of one agent."""
    return f"agent.{agent}"


def stage_tag(stage: str) -> str:
    """On a node that trains models: the key below ``hpo`` in the parameters."""
    return f"stage.{stage}"


def candidates_tag(stage: str) -> str:
    """On a refit that can read the best trials of this stage."""
    return f"candidates.{stage}"


def agent_of(node: Node) -> str | None:
    """The agent that a node works for; None where it works for all."""
    return next(iter(_values(node, "agent")), None)


def stage_of(node: Node) -> str | None:
    """The stage that a node runs; None where it trains no model."""
    return next(iter(_values(node, "stage")), None)


def search_of(node: Node) -> str | None:
    """The stage whose trials a node runs; None where it searches nothing, or stages that only the parameters name."""
    stage = stage_of(node)
    return None if stage in (REFIT, CROSS_VALIDATION) else stage


def candidates_of(node: Node) -> set[str]:
    """The stages whose best trials a refit can read."""
    return _values(node, "candidates")


def _values(node: Node, kind: str) -> set[str]:
    return {value for tag in node.tags for name, _, value in [tag.partition(".")] if name == kind and value}
