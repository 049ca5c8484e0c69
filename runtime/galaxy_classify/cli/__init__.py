"""The command ``galaxy-classify``."""
