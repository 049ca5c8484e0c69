"""The parity gate: compare the outputs of any two models, and say by how much, for which sample, they differ."""
