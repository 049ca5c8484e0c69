"""FITS images: which bands, what colours."""
