"""What is to be classified: find it, list it, open it."""
