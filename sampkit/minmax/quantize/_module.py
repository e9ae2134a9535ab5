"""Layer after layer of a PyTorch model, each calibrated on what those before it give."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._layer import QuantizedLinear
from ._linear import quantize_linear

Floats = npt.NDArray[Any]

__all__ = ["LayerReport", "QuantizedModule", "quantize_module"]


@dataclass(frozen=True)
class LayerReport:
    """What became of one layer."""

    name: str
    quantized: QuantizedLinear
    rows: int
    seconds: float

    @property
    def max_violation(self) -> float:
        """Mean over outputs of their largest change."""
        return float(self.quantized.max_violation.mean())


class QuantizedModule(NamedTuple):
    """A model with dequantized weights, and a report for each layer in the order of execution."""

    model: Any
    report: list[LayerReport]


class _Enough(Exception):
    """Stop a forward pass: the layers asked for have run."""


def quantize_module(
    model: Any,
    forward_batches: Any,
    *,
    bits: int = 4,
    include: Callable[[str, Any], bool] | None = None,
    p: int | None = 4,
    target: str = "quantized",
    callback: Callable[[int, int, LayerReport], Any] | None = None,
    **options: Any,
) -> QuantizedModule:
    """Quantize the linear layers of a PyTorch model, in the order in which they are executed.

    Every layer is calibrated on its inputs in the model whose earlier layers are already quantized;
    layers that get the same tensor (query, key and value) are treated together.

    Parameters
    ----------
    model : torch.nn.Module
        It is not changed.
    forward_batches : iterable, or callable
        Calibration batches: mappings are passed as keywords, tuples as arguments, others as the one
        argument. Read once for every group of layers, so not a one-shot iterator. A callable
        ``forward_batches(model)`` runs all batches through a model itself.
    bits : int in 1..8, default=4
        Bits of a weight.
    include : callable, default=None
        ``include(name, layer)`` says which `torch.nn.Linear` layers to quantize; None takes all.
    p : int or None, default=4
        See `quantize_linear`.
    target : {"quantized", "original"}, default="quantized"
        What a layer should give: its own outputs for the inputs it gets, or the outputs of the same
        layer in the model as it was, so that later layers make good what earlier ones lost.
    callback : callable, default=None
        Called as ``callback(done, all, report)`` after every layer; returning True leaves the
        others as they are.
    **options : dict
        Further parameters of `quantize_linear`: grid, method, group_size, damp, ...

    Returns
    -------
    QuantizedModule
        ``model``, a copy with dequantized weights, and ``report``, a list of
        ``LayerReport(name, quantized, rows, seconds)``.

    Raises
    ------
    ValueError
        No linear layer is reached, or a parameter out of range.
    TypeError
        `forward_batches` is a one-shot iterator.

    Notes
    -----
    One forward pass per group of layers, cut off after the group, and the inputs of one group in
    memory. After an interrupt from the keyboard in a descent the remaining layers stay as they are.

    Examples
    --------
    >>> import torch
    >>> from sampkit.minmax import quantize_module
    >>> _ = torch.manual_seed(0)
    >>> net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    >>> batches = [torch.randn(100, 8) for _ in range(3)]
    >>> small, report = quantize_module(net, batches, bits=4)
    >>> [(layer.name, layer.quantized.codes.shape) for layer in report]
    [('0', (16, 8)), ('2', (2, 16))]
    """
    import torch

    if target not in ("quantized", "original"):
        raise ValueError(f"target must be 'quantized' or 'original', got {target!r}.")
    if not callable(forward_batches) and iter(forward_batches) is forward_batches:
        raise TypeError(
            "forward_batches must be readable more than once: a list or a callable, got the "
            f"iterator {type(forward_batches).__name__}."
        )
    run = forward_batches if callable(forward_batches) else _runner(forward_batches)
    original, model = model, copy.deepcopy(model)
    was_training = model.training
    model.eval()
    layers = {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and (include is None or include(name, layer))
    }
    report: list[LayerReport] = []
    with torch.no_grad():
        groups = _groups_of_execution(model, layers, run)
        count = sum(len(group) for group in groups)
        if not count:
            raise ValueError("include must choose a linear layer that the batches reach, got none.")
        for group in groups:
            began = perf_counter()
            stack = {name: layers[name] for name in group}
            X = _inputs(model, next(iter(stack.values())), run)
            T = _outputs(original, group, run) if target == "original" else None
            reports = _quantized_group(stack, X, T, began, {"bits": bits, "p": p, **options})
            report += reports
            answers = [callback(len(report), count, one) for one in reports] if callback else []
            interrupted = any(one.quantized.status == "interrupted" for one in reports)
            if interrupted or any(answers):
                break
    model.train(was_training)
    return QuantizedModule(model, report)


def _runner(batches: Iterable[Any]) -> Callable[[Any], None]:
    def run(model: Any) -> None:
        for batch in batches:
            if hasattr(batch, "keys"):
                model(**batch)
            elif isinstance(batch, tuple):
                model(*batch)
            else:
                model(batch)

    return run


def _groups_of_execution(
    model: Any, layers: dict[str, Any], run: Callable[[Any], None]
) -> list[list[str]]:
    """Layers in the order of their first call, those with the same input tensor together."""
    groups: list[tuple[Any, list[str]]] = []
    seen: set[str] = set()

    def note(name: str) -> Callable[[Any, Any], None]:
        def hook(_: Any, inputs: Any) -> None:
            if name in seen:
                return
            seen.add(name)
            # the tensor is held, so that no other one can take its place in memory
            if groups and groups[-1][0] is inputs[0]:
                groups[-1][1].append(name)
            else:
                groups.append((inputs[0], [name]))

        return hook

    handles = [layer.register_forward_pre_hook(note(name)) for name, layer in layers.items()]
    last = _after_all(model, seen, set(layers))
    try:
        run(model)
    except _Enough:
        pass
    finally:
        for handle in [*handles, last]:
            handle.remove()
    return [names for _, names in groups]


def _after_all(model: Any, seen: set[str], wanted: set[str]) -> Any:
    """Stop after the first batch that has reached every layer."""

    def hook(*_: Any) -> None:
        if seen >= wanted:
            raise _Enough

    return model.register_forward_hook(hook)


def _inputs(model: Any, layer: Any, run: Callable[[Any], None]) -> Floats:
    """All rows that a layer gets, (m, n)."""
    found = _collected(model, [layer], run, lambda inputs, _: inputs[0])
    return found[0]


def _outputs(model: Any, group: list[str], run: Callable[[Any], None]) -> Floats:
    """All rows that some layers give, without their biases, side by side (m, k)."""
    layers = [model.get_submodule(name) for name in group]
    training = model.training
    model.eval()
    try:
        found = _collected(model, layers, run, lambda _, output: output)
    finally:
        model.train(training)
    bias = [0.0 if layer.bias is None else layer.bias.numpy(force=True) for layer in layers]
    return np.concatenate([part - b for part, b in zip(found, bias, strict=True)], axis=1)


def _collected(
    model: Any, layers: list[Any], run: Callable[[Any], None], what: Callable[[Any, Any], Any]
) -> list[Floats]:
    rows: list[list[Floats]] = [[] for _ in layers]

    def note(at: int) -> Callable[[Any, Any, Any], None]:
        def hook(layer: Any, inputs: Any, output: Any) -> None:
            tensor = what(inputs, output)
            rows[at].append(tensor.detach().float().reshape(-1, tensor.shape[-1]).numpy(force=True))

        return hook

    handles = [layer.register_forward_hook(note(at)) for at, layer in enumerate(layers)]
    try:
        run(_Cut(model, layers[-1]))
    finally:
        for handle in handles:
            handle.remove()
    return [np.concatenate(part) for part in rows]


class _Cut:
    """A model whose forward passes end with one layer."""

    def __init__(self, model: Any, layer: Any) -> None:
        self._model, self._layer = model, layer

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        def stop(*_: Any) -> None:
            raise _Enough

        handle = self._layer.register_forward_hook(stop)
        try:
            return self._model(*args, **kwargs)
        except _Enough:
            return None
        finally:
            handle.remove()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _quantized_group(
    stack: dict[str, Any], X: Floats, T: Floats | None, began: float, options: dict[str, Any]
) -> list[LayerReport]:
    """Quantize layers that share their input, and put the new weights in place."""
    import torch

    weights = [layer.weight.detach().float().numpy(force=True) for layer in stack.values()]
    options = {"target": T, **options}
    if options.get("outlier_fraction") or not isinstance(options.get("grid", ""), str):
        cuts = np.cumsum([len(W) for W in weights])[:-1]
        parts: Any = [None] * len(weights) if T is None else np.split(T, cuts, axis=1)
        each = [
            quantize_linear(X, W, **{**options, "target": part})
            for W, part in zip(weights, parts, strict=True)
        ]
    else:
        each = _split(quantize_linear(X, np.concatenate(weights), **options), weights, X)
    seconds = (perf_counter() - began) / len(stack)
    for layer, quantized in zip(stack.values(), each, strict=True):
        layer.weight.copy_(torch.from_numpy(quantized.weight))
    names = list(stack)
    return [LayerReport(n, q, len(X), seconds) for n, q in zip(names, each, strict=True)]


def _split(joint: QuantizedLinear, weights: list[Floats], X: Floats) -> list[QuantizedLinear]:
    """The layers of a stack, one by one."""
    result, start = [], 0
    for W in weights:
        rows = slice(start, start + len(W))
        error = joint.weight[rows] - W
        size = float(np.linalg.norm(X @ W.T))
        result.append(
            QuantizedLinear(
                codes=joint.codes[rows],
                base=joint.base[rows],
                scale=joint.scale[rows],
                weight=joint.weight[rows],
                max_violation=joint.max_violation[rows],
                relative_error=float(np.linalg.norm(X @ error.T)) / size if size else 0.0,
                bits=joint.bits,
                group_size=joint.group_size,
                status=joint.status,
            )
        )
        start = rows.stop
    return result
