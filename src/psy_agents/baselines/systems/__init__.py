"""One module per system. Each module in this folder defines the system `SYSTEM`; `psy_agents.baselines.registry` finds them."""
