"""A refitted agent on new posts."""
