"""Find, read and download labelled images."""
