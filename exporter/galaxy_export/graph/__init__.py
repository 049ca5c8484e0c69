"""ONNX graphs: converted from Keras, in canonical form."""
