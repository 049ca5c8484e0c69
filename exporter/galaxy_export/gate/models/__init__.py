"""Models that the gate compares: ONNX files, Keras models, SavedModels and functions."""
