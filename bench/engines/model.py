"""A tiny Llama with random weights and its tokenizer, written as a model folder; LoRA adapters of it likewise.

Everything is drawn from a seed, so two machines make the same model, and greedy answers can be compared across engines.
Weights are float32: their logits lie far enough apart that the order of a sum never decides a token.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

LAYERS, HIDDEN, INTERMEDIATE, HEADS = 2, 256, 512, 4
CONTEXT_TOKENS = 2048
RANK = 4
SPREAD = 0.08  # standard deviation of the weights: enough for answers that do not repeat themselves at once
MERGES = 300
SPECIAL = ("<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>")
BOS = SPECIAL[0]
# Like Llama 3's: the template writes the opening token itself, and text without a template gets it from the tokenizer.
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CORPUS = (
    "the quick brown fox jumps over the lazy dog",
    "hello world, how are you today? please answer in one short sentence.",
    "routing requests to the replica with the warmest prefix cache",
    "a weir regulates the flow between two pools of a river",
)

Array = npt.NDArray[np.float32]


def make_model(folder: Path, seed: int = 1) -> Path:
    """Write the model: configuration, weights, tokenizer, chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = learn(CORPUS, MERGES)
    write_json(folder / "tokenizer.json", tokenizer(vocabulary, merges))
    write_json(folder / "tokenizer_config.json", tokenizer_config())
    write_json(folder / "generation_config.json", {"bos_token_id": 0, "eos_token_id": 1})
    write_tensors(folder / "model.safetensors", weights(vocabulary, np.random.default_rng(seed)))
    write_json(folder / "config.json", config(len(vocabulary)))
    return folder


def make_adapter(folder: Path, seed: int) -> Path:
    """Write a LoRA adapter of that model."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, tensors = np.random.default_rng(seed), {}
    for layer in range(LAYERS):
        for name in ("q_proj", "v_proj"):
            at = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            tensors[f"{at}.lora_A.weight"] = rng.standard_normal((RANK, HIDDEN), dtype=np.float32)
            tensors[f"{at}.lora_B.weight"] = rng.standard_normal((HIDDEN, RANK), dtype=np.float32)
    write_tensors(folder / "adapter_model.safetensors", tensors)
    write_json(folder / "adapter_config.json", adapter_config())
    return folder


def config(vocabulary: int) -> dict[str, Any]:
    """The shape, as transformers reads it."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "max_position_embeddings": CONTEXT_TOKENS,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
        "torch_dtype": "float32",
    }


def weights(vocabulary: Mapping[str, int], rng: np.random.Generator) -> dict[str, Array]:
    """Random weights; tokens that are not plain printable text are never the likeliest, so answers are text."""

    def draw(*shape: int) -> Array:
        return SPREAD * rng.standard_normal(shape, dtype=np.float32)

    head = draw(len(vocabulary), HIDDEN)
    head[[index for token, index in vocabulary.items() if not speakable(token)]] = 0.0
    tensors = {"model.embed_tokens.weight": draw(len(vocabulary), HIDDEN), "lm_head.weight": head}
    tensors["model.norm.weight"] = np.ones(HIDDEN, dtype=np.float32)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            tensors[f"{at}.self_attn.{name}.weight"] = draw(HIDDEN, HIDDEN)
        for name in ("gate_proj", "up_proj"):
            tensors[f"{at}.mlp.{name}.weight"] = draw(INTERMEDIATE, HIDDEN)
        tensors[f"{at}.mlp.down_proj.weight"] = draw(HIDDEN, INTERMEDIATE)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{at}.{name}.weight"] = np.ones(HIDDEN, dtype=np.float32)
    return tensors


def speakable(token: str) -> bool:
    """Whether a token is printable text by itself."""
    return token not in SPECIAL and all(sign == "Ġ" or sign.isascii() for sign in token)


def learn(corpus: Sequence[str], merges: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte-pair encoding of a corpus: the vocabulary, special tokens first, and its merges in order."""
    words = Counter(word for line in corpus for word in split(line))
    spelled = {word: list(word) for word in words}
    tokens, made = [*SPECIAL, *alphabet()], list[tuple[str, str]]()
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in pairwise(spelled[word]):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        made.append(best)
        tokens.append("".join(best))
        spelled = {word: merged(signs, best) for word, signs in spelled.items()}
    return {token: index for index, token in enumerate(dict.fromkeys(tokens))}, made


def split(line: str) -> list[str]:
    """Words with the space before them, which byte-level encoding writes as a letter of its own."""
    first, *rest = line.split(" ")
    return [first, *(f"Ġ{word}" for word in rest)]


def merged(signs: list[str], pair: tuple[str, str]) -> list[str]:
    """A spelling with every occurrence of the pair made one."""
    out: list[str] = []
    for sign in signs:
        if out and (out[-1], sign) == pair:
            out[-1] += sign
        else:
            out.append(sign)
    return out


def alphabet() -> list[str]:
    """The 256 letters that stand for the bytes in byte-level encoding, by byte."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def tokenizer(vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """tokenizer.json: byte-level byte-pair encoding which opens every text with the first special token."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    opening = {"SpecialToken": {"id": BOS, "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": index, "content": token, **flags} for index, token in enumerate(SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [opening, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [opening, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {BOS: {"id": BOS, "ids": [0], "tokens": [BOS]}},
        },
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": dict(vocabulary),
            "merges": [list(pair) for pair in merges],
        },
    }


def tokenizer_config() -> dict[str, Any]:
    """tokenizer_config.json with the chat template."""
    named = dict(zip(("bos_token", "eos_token", "pad_token"), SPECIAL, strict=False))
    return {
        **named,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": CONTEXT_TOKENS,
        "clean_up_tokenization_spaces": False,
        "chat_template": TEMPLATE,
    }


def adapter_config() -> dict[str, Any]:
    """adapter_config.json as PEFT writes it."""
    return {
        "peft_type": "LORA",
        "base_model_name_or_path": "tiny",
        "r": RANK,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": ["q_proj", "v_proj"],
        "task_type": "CAUSAL_LM",
        "fan_in_fan_out": False,
        "modules_to_save": None,
        "use_rslora": False,
        "use_dora": False,
    }


def write_tensors(path: Path, tensors: Mapping[str, Array]) -> None:
    """A safetensors file: the header's length in eight bytes, the header in JSON, the values."""
    at, header = 0, dict[str, Any]()
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    told = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    told += b" " * (-len(told) % 8)
    with path.open("wb") as file:
        file.write(len(told).to_bytes(8, "little") + told)
        for values in tensors.values():
            file.write(np.ascontiguousarray(values).tobytes())


def write_json(path: Path, what: Mapping[str, Any]) -> None:
    """A JSON file."""
    path.write_text(json.dumps(what, indent=1, ensure_ascii=False), encoding="utf-8")
