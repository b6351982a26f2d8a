"""How Kedro runs this project."""

from kedro.config import OmegaConfigLoader

from psy_agents.hooks import TrackingHooks
from psy_agents.resolvers import RESOLVERS
from psy_agents.session import AgentSession

HOOKS = (TrackingHooks(),)
SESSION_CLASS = AgentSession
CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": RESOLVERS,
}
