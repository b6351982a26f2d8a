"""The commands of ``python -m psy_agents`` beside Kedro's run."""
