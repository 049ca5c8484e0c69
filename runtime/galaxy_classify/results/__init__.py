"""Rows, and the files that hold them."""
