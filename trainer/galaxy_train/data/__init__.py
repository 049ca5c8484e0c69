"""Labelled images: found, read, downloaded."""
