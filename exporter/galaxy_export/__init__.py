"""Export trained networks to ONNX, and verify that their predictions do not change."""

from galaxy_classify.inference.onnx_runtime import switch_off_telemetry

# Here, because modules of this package and of its tools import ONNX Runtime themselves.
switch_off_telemetry()
