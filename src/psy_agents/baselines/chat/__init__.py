"""A chat model behind an OpenAI-compatible endpoint: its server, and its stored answers."""
