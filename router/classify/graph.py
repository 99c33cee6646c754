"""BERT-shaped encoders as int8 graphs for onnxruntime, written from their weights alone.

Weights are int8 per output column, activations are quantised as they come (`DynamicQuantizeMatMul`), attention is
onnxruntime's fused operator. Out comes the mean over tokens at unit length.
Three times as fast as the packaged int8 file and needing no torch: docs/classifiers.md has both measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from router.classify.weights import Tensors

FUSED = "com.microsoft"  # the domain of onnxruntime's own operators
EPSILON = 1e-12
Float = npt.NDArray[np.float32]


@dataclass(slots=True, kw_only=True)
class Graph:
    """Nodes and constants as they are written down; every node has one output, named after it."""

    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, npt.NDArray[np.generic]] = field(default_factory=dict)

    def node(self, kind: str, inputs: Sequence[str], domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Append one operator; returns the name of its first output."""
        name = f"{kind}_{len(self.nodes)}"
        names = [name, *(f"{name}_{more}" for more in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return name

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        """Keep an array under this name; returns the name."""
        self.constants[name] = value
        return name

    def model(self, out: str, width: int) -> ModelProto:
        """The finished file: token ids (1, tokens) in, one vector (1, width) out."""
        ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "tokens"])
        vector = helper.make_tensor_value_info(out, TensorProto.FLOAT, [1, width])
        kept = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        sets = [helper.make_opsetid("", 18), helper.make_opsetid(FUSED, 1)]
        made = helper.make_model(helper.make_graph(self.nodes, "encoder", [ids], [vector], kept), opset_imports=sets)
        made.ir_version = 9
        checker.check_model(made)
        return made


def quantised_columns(weight: Float) -> tuple[npt.NDArray[np.int8], Float]:
    """Int8 values and one scale a column of a (rows, columns) matrix."""
    scale = np.maximum(np.abs(weight).max(axis=0), 1e-9).astype(np.float32) / np.float32(127)
    return np.rint(weight / scale).clip(-127, 127).astype(np.int8), scale


def encoder_graph(tensors: Tensors, heads: int) -> ModelProto:
    """The graph of a BERT encoder with this many attention heads."""
    graph = Graph()
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))
    hidden = _embedded(graph, tensors)
    for layer in range(layers):
        hidden = _layer(graph, tensors, f"encoder.layer.{layer}.", hidden, heads)
    width = int(tensors["embeddings.LayerNorm.weight"].shape[0])
    axis = graph.constant("token_axis", np.array([1], np.int64))
    mean = graph.node("ReduceMean", [hidden, axis], keepdims=0)
    return graph.model(graph.node("LpNormalization", [mean], axis=1, p=2), width)


def _embedded(graph: Graph, tensors: Tensors) -> str:
    words, scales = quantised_columns(_float(tensors, "embeddings.word_embeddings.weight").T)
    quantised = graph.node("Gather", [graph.constant("words", np.ascontiguousarray(words.T)), "ids"])
    by_word = graph.node("Gather", [graph.constant("word_scales", scales[:, None]), "ids"])
    word = graph.node("Mul", [graph.node("Cast", [quantised], to=TensorProto.FLOAT), by_word])
    first_type = _float(tensors, "embeddings.token_type_embeddings.weight")[0]
    places = graph.constant("places", _float(tensors, "embeddings.position_embeddings.weight") + first_type)
    length = graph.node("Shape", ["ids"], start=1, end=2)
    begin, axis = graph.constant("begin", np.array([0], np.int64)), graph.constant("row_axis", np.array([0], np.int64))
    summed = graph.node("Add", [word, graph.node("Slice", [places, begin, length, axis])])
    return graph.node("LayerNormalization", [summed, *_norm(graph, tensors, "embeddings.LayerNorm")], epsilon=EPSILON)


def _layer(graph: Graph, tensors: Tensors, at: str, hidden: str, heads: int) -> str:
    seen = _matmul(graph, tensors, f"{at}attention.output.dense", _attention(graph, tensors, at, hidden, heads))
    middle = _normalised_sum(graph, tensors, f"{at}attention.output.LayerNorm", seen, hidden)
    wide = graph.node("Gelu", [_matmul(graph, tensors, f"{at}intermediate.dense", middle)], FUSED)
    return _normalised_sum(
        graph, tensors, f"{at}output.LayerNorm", _matmul(graph, tensors, f"{at}output.dense", wide), middle
    )


def _attention(graph: Graph, tensors: Tensors, at: str, hidden: str, heads: int) -> str:
    parts = [f"{at}attention.self.{part}" for part in ("query", "key", "value")]
    together = np.concatenate([_float(tensors, f"{part}.weight").T for part in parts], axis=1)
    weight, scale = quantised_columns(together)
    bias = np.concatenate([_float(tensors, f"{part}.bias") for part in parts])
    whole = graph.node("DynamicQuantizeLinear", [hidden], outputs=3)
    inputs = [whole, graph.constant(f"{at}qkv", weight), graph.constant(f"{at}qkv_bias", bias)]
    inputs += [f"{whole}_1", graph.constant(f"{at}qkv_scale", scale), "", f"{whole}_2"]
    inputs += [graph.constant(f"{at}qkv_zero", np.zeros(scale.shape, np.int8))]
    return graph.node("QAttention", inputs, FUSED, num_heads=heads)


def _matmul(graph: Graph, tensors: Tensors, name: str, x: str) -> str:
    weight, scale = quantised_columns(_float(tensors, f"{name}.weight").T)
    inputs = [x, graph.constant(f"{name}.int8", weight), graph.constant(f"{name}.scale", scale), ""]
    inputs += [graph.constant(f"{name}.bias", _float(tensors, f"{name}.bias"))]
    return graph.node("DynamicQuantizeMatMul", inputs, FUSED)


def _normalised_sum(graph: Graph, tensors: Tensors, name: str, x: str, skip: str) -> str:
    # Not the fused SkipLayerNormalization, which takes three times as long as both; `Add` would be fused into it.
    both = graph.node("Sum", [x, skip])
    return graph.node("LayerNormalization", [both, *_norm(graph, tensors, name)], epsilon=EPSILON)


def _norm(graph: Graph, tensors: Tensors, name: str) -> list[str]:
    return [graph.constant(f"{name}.{part}", _float(tensors, f"{name}.{part}")) for part in ("weight", "bias")]


def _float(tensors: Tensors, name: str) -> Float:
    return tensors[name].astype(np.float32)
