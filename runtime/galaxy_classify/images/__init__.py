"""From an encoded image to the pixels that a model sees."""
