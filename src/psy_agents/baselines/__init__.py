"""Baselines: simple systems, evaluated on the same pairs as the agents, that an agent should beat."""
