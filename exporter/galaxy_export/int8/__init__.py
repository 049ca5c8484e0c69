"""int8: quantize a graph, and guard what it costs."""
