"""Samplers, one file each; `psy_agents.hpo.engine.sampler_registry` finds them."""
