"""Bring a graph into canonical form, so that the same network always gives the same bytes.

tf2onnx names its tensors differently in every process. Here nodes are sorted in the order of a traversal from the
outputs, which depends on the graph alone, and tensors are named after their place in that order.
"""

from __future__ import annotations

from collections.abc import Iterable

import onnx


def make_canonical(proto: onnx.ModelProto, keep: Iterable[str]) -> None:
    """Sort the nodes and rename the tensors of a graph, in place.

    Nodes and tensors that no output needs are removed, and operator sets that no node uses.

    Parameters
    ----------
    proto : onnx.ModelProto
        The graph; attributes must not contain graphs.
    keep : iterable of str
        Names of tensors to keep, besides inputs and outputs.
    """
    graph = proto.graph
    nodes = _ordered_nodes(graph)
    names = {name: name for name in (*(tensor.name for tensor in (*graph.input, *graph.output)), *keep)}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    used = []
    for position, node in enumerate(nodes):
        for number, name in enumerate(node.input):
            if name in weights and name not in names:
                names[name] = f"{position}/{node.op_type}/{number}"
                used.append(weights[name])
        for number, name in enumerate(node.output):
            names.setdefault(name, f"{position}/{node.op_type}" + (f", output {number}" if number else ""))
    for position, node in enumerate(nodes):
        node.name = f"{position}/{node.op_type}"
        node.doc_string = ""
        # An omitted optional input has an empty name.
        node.input[:] = [names[name] if name else "" for name in node.input]
        node.output[:] = [names[name] for name in node.output]
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
    for tensor in used:
        tensor.name = names[tensor.name]
        tensor.doc_string = ""
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(used)
    domains = {node.domain for node in nodes}
    for opset in [opset for opset in proto.opset_import if opset.domain not in domains]:
        proto.opset_import.remove(opset)
    graph.name = "galaxy_classify"
    graph.doc_string = proto.doc_string = ""


def _ordered_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return copies of the nodes that the outputs need, in topological order."""
    producers = {name: node for node in graph.node for name in node.output}
    ordered: list[onnx.NodeProto] = []
    done: set[str] = set()
    waiting = [(tensor.name, False) for tensor in reversed(graph.output)]
    while waiting:
        name, inputs_done = waiting.pop()
        if name not in producers or name in done:
            continue
        node = producers[name]
        if inputs_done:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            ordered.append(copy)
            done.update(node.output)
        else:
            waiting.append((name, True))
            waiting += [(needed, False) for needed in reversed(node.input)]
    return ordered
