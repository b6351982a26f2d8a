"""The upload of one exported agent, as a node."""

from __future__ import annotations

import sys
from pathlib import Path

from psy_agents.release.config import PublishConfig


def publish_agent(model: Path, config: PublishConfig) -> None:
    """Upload the exported folder to the hub, once a person has confirmed it."""
    from huggingface_hub import HfApi

    from psy_agents.release.publish import publish

    publish(model, config, HfApi, input if sys.stdin.isatty() else None)
