"""Export trained networks to ONNX, with proof that nothing changed."""
