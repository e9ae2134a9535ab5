"""Layer after layer of a PyTorch model."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sampkit.minmax import quantize_linear, quantize_module  # noqa: E402


class Attention(torch.nn.Module):
    """Two layers on one input, a third on what they make, and one that is never called."""

    def __init__(self):
        super().__init__()
        self.left, self.right = torch.nn.Linear(8, 6), torch.nn.Linear(8, 6, bias=False)
        self.out, self.unused = torch.nn.Linear(6, 3), torch.nn.Linear(2, 2)

    def forward(self, x, scale=1.0):
        return self.out(torch.tanh(self.left(x)) * self.right(x) * scale)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Attention()


@pytest.fixture
def batches():
    torch.manual_seed(1)
    return [torch.randn(40, 8) for _ in range(3)]


def test_groups_and_sequence_by_hand(net, batches):
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    model, report = quantize_module(net, batches, bits=3)
    assert [layer.name for layer in report] == ["left", "right", "out"]
    assert all((net.state_dict()[name] == tensor).all() for name, tensor in before.items())
    rows = torch.cat(batches)
    W = [layer.weight.detach().numpy() for layer in (net.left, net.right, net.out)]
    first = quantize_linear(rows.numpy(), np.concatenate(W[:2]), bits=3)
    assert (model.left.weight.detach().numpy() == first.weight[:6]).all()
    assert (model.right.weight.detach().numpy() == first.weight[6:]).all()
    with torch.no_grad():  # the third sees what the quantized first two give
        inner = torch.tanh(model.left(rows)) * model.right(rows)
    third = quantize_linear(inner.numpy(), W[2], bits=3)
    assert (report[2].quantized.codes == third.codes).all()
    assert report[1].quantized.relative_error == pytest.approx(
        np.linalg.norm(rows.numpy() @ (first.weight[6:] - W[1]).T)
        / np.linalg.norm(rows.numpy() @ W[1].T),
        rel=1e-5,
    )
    assert report[0].rows == 120
    assert report[0].max_violation == pytest.approx(first.max_violation[:6].mean())
    assert (model.unused.weight == net.unused.weight).all()


def test_more_bits_are_better_and_include_chooses(net, batches):
    rows = torch.cat(batches)
    with torch.no_grad():
        errors = [
            float((quantize_module(net, batches, bits=bits).model(rows) - net(rows)).norm())
            for bits in (2, 4, 8)
        ]
    assert errors == sorted(errors, reverse=True)
    model, report = quantize_module(net, batches, bits=2, include=lambda name, _: name == "out")
    assert [layer.name for layer in report] == ["out"]
    assert (model.left.weight == net.left.weight).all()


def test_batches_as_arguments_keywords_or_callable(net, batches):
    plain = quantize_module(net, batches, bits=3).report
    forms = (
        [(batch, 1.0) for batch in batches],
        [{"x": batch, "scale": 1.0} for batch in batches],
        lambda model: [model(batch) for batch in batches],
    )
    for form in forms:
        for one, other in zip(plain, quantize_module(net, form, bits=3).report, strict=True):
            assert (one.quantized.codes == other.quantized.codes).all()


def test_original_outputs_as_the_goal(net, batches):
    rows = torch.cat(batches)
    with torch.no_grad():
        lost = {}
        for target in ("quantized", "original"):
            model, report = quantize_module(net, batches, bits=2, target=target)
            change = (model(rows) - net(rows)).numpy()
            lost[target] = np.linalg.norm(change)
    assert lost["original"] < lost["quantized"]
    assert report[2].quantized.max_violation == pytest.approx(np.abs(change).max(axis=0), rel=1e-4)


def test_outliers_and_codebooks_are_per_layer(net, batches):
    _, report = quantize_module(net, batches, bits=3, outlier_fraction=0.1)
    assert [layer.quantized.outliers.nnz for layer in report] == [4, 4, 1]
    _, report = quantize_module(net, batches, bits=2, grid=np.array([-0.2, 0.0, 0.2]))
    assert np.isin(report[0].quantized.weight, np.float32([-0.2, 0.0, 0.2])).all()


def test_callback_stops_after_a_group(net, batches):
    seen = []
    model, report = quantize_module(
        net, batches, bits=2, callback=lambda done, count, layer: seen.append((done, count)) or True
    )
    assert [layer.name for layer in report] == ["left", "right"]
    assert seen == [(2, 3), (2, 3)]
    assert (model.out.weight == net.out.weight).all()


def test_training_mode_comes_back(net, batches):
    assert quantize_module(net.train(), batches, bits=4).model.training
    assert not quantize_module(net.eval(), batches, bits=4).model.training


def test_bad_input(net, batches):
    with pytest.raises(TypeError, match="forward_batches must be readable more than once"):
        quantize_module(net, iter(batches), bits=4)
    with pytest.raises(ValueError, match="include must choose a linear layer"):
        quantize_module(net, batches, bits=4, include=lambda name, _: name == "unused")
    with pytest.raises(ValueError, match="target must be 'quantized' or 'original', got 'x'"):
        quantize_module(net, batches, bits=4, target="x")
    with pytest.raises(ValueError, match=r"bits must be an int in 1\.\.8, got 0"):
        quantize_module(net, batches, bits=0)
