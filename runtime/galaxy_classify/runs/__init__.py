"""Run the classifier on all inputs: the stream of rows, its destinations, and what observes it."""
