"""Export trained networks to ONNX, and verify that their predictions do not change."""
