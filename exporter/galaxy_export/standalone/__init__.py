"""Make a model file that takes whole images: with crop and resize in its graph."""
