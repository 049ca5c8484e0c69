"""FITS images: read their bands and colour them."""
