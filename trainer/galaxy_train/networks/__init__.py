"""The networks, and loading trained ones."""
