"""Measure a trained network."""
