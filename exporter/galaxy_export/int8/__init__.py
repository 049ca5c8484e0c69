"""Quantize graphs to int8, and limit what it costs."""
