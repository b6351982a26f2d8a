"""Kedro's settings of this project: hooks, classes of session and context, configuration loader."""

import os

from psy_agents.app.config_loader import ConfigLoader
from psy_agents.app.context import ProjectContext
from psy_agents.app.hooks.closing import ClosingHooks
from psy_agents.app.hooks.inputs import InputHooks
from psy_agents.app.hooks.models import ModelHooks
from psy_agents.app.hooks.outputs import OutputHooks
from psy_agents.app.hooks.tracking import TrackingHooks
from psy_agents.app.hooks.viewers import ViewerHooks
from psy_agents.app.resolvers import RESOLVERS
from psy_agents.app.session import AgentSession
from psy_agents.app.telemetry import disable_telemetry

disable_telemetry()
# A server that is gone costs seconds and not minutes; then the run continues without it.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")

HOOKS = (ClosingHooks(), InputHooks(), OutputHooks(), TrackingHooks(), ModelHooks(), ViewerHooks())  # Called from the last to the first.
SESSION_CLASS = AgentSession
CONTEXT_CLASS = ProjectContext
CONFIG_LOADER_CLASS = ConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": RESOLVERS,
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
}
