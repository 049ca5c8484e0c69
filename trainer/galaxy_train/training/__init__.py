"""Train networks: fit, distil, refit, cross-validate."""
