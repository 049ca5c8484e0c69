"""Convert Keras networks to ONNX graphs in canonical form."""
