"""The ONNX model: its contract, and running it."""
