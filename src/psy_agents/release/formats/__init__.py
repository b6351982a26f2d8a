"""Export formats, one module each. `psy_agents.release.export_format` finds them by the names of their modules."""
