"""Load, check and run ONNX models."""
