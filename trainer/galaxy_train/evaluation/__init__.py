"""Evaluate trained networks: metrics, calibration, label noise, plots."""
