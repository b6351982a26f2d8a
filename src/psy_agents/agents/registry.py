"""The four agents, in the order in which they are searched."""

AGENTS = ("criteria", "evidence", "share", "joint")
