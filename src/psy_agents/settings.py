"""How Kedro runs this project."""

import os

from kedro.config import OmegaConfigLoader

from psy_agents.hooks import InputHooks, ModelHooks, OutputHooks, TrackingHooks
from psy_agents.resolvers import RESOLVERS
from psy_agents.session import AgentSession
from psy_agents.watching import WatchHooks

# MLflow reports its use to its makers unless it is told not to before it is first imported, which the hooks do later.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

HOOKS = (InputHooks(), OutputHooks(), TrackingHooks(), ModelHooks(), WatchHooks())
SESSION_CLASS = AgentSession
CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": RESOLVERS,
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
}
