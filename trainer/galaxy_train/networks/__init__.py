"""Build networks, and load trained ones."""
