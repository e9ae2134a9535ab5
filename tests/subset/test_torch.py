"""The sampler for PyTorch: resuming is exact, ranks part a round."""

from __future__ import annotations

import pickle
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
import torch
from torch.utils.data import DataLoader, TensorDataset

from sampkit.subset import iter_random_subsets
from sampkit.subset.torch import RepeatedRandomSubsetSampler

KINDS = st.fixed_dictionaries(
    {
        "replacement": st.booleans(),
        "stratify": st.sampled_from([None, [0] * 15 + [1] * 8]),
        "permutation": st.sampled_from(["shuffle", "feistel"]),
        "seed": st.integers(0, 3),
    }
)


def test_rounds_are_those_of_the_function():
    sampler = RepeatedRandomSubsetSampler(50, 0.3, seed=3)
    for rows in iter_random_subsets(50, 0.3, 12, random_state=3):
        found = list(sampler)
        assert found == rows.tolist()
        assert {type(row) for row in found} == {int}
        assert len(sampler) == 15


@settings(max_examples=50)
@given(KINDS, st.integers(1, 23), st.integers(1, 5), st.booleans(), st.integers(0, 20))
def test_ranks_part_every_round(kind, k, world_size, drop_last, t):
    if drop_last and k < world_size:
        k = world_size
    whole = RepeatedRandomSubsetSampler(23, k, **kind)
    whole.set_epoch(t)
    rows = list(whole)
    parts = []
    for rank in range(world_size):
        sampler = RepeatedRandomSubsetSampler(
            23, k, rank=rank, world_size=world_size, drop_last=drop_last, **kind
        )
        sampler.set_epoch(t)
        parts.append(list(sampler))
        assert len(parts[-1]) == len(sampler)
    together = [row for group in zip(*parts, strict=True) for row in group]
    if drop_last:
        assert together == rows[: k // world_size * world_size]
    else:
        assert together[:k] == rows
        assert together[k:] == [rows[i % k] for i in range(len(together) - k)]


@settings(max_examples=50)
@given(KINDS, st.floats(0.05, 1), st.integers(1, 3), st.integers(0, 60))
def test_resumed_is_uninterrupted(kind, share, world_size, stop):
    options = {"world_size": world_size, "rank": world_size - 1, "drop_last": False, **kind}

    def endless(sampler):
        while True:
            yield from sampler

    expected = list(islice(endless(RepeatedRandomSubsetSampler(23, share, **options)), stop + 40))
    first = RepeatedRandomSubsetSampler(23, share, **options)
    begun = list(islice(endless(first), stop))
    state = pickle.loads(pickle.dumps(first.state_dict()))
    second = RepeatedRandomSubsetSampler(23, share, **{**options, "seed": 99})
    second.load_state_dict(state)
    assert second.state_dict() == state
    assert begun + list(islice(endless(second), 40)) == expected


def test_states():
    sampler = RepeatedRandomSubsetSampler(20, 5, seed=7)
    assert sampler.state_dict() == {"seed": 7, "round": 0, "position": 0}
    rows = iter(sampler)
    assert sampler.state_dict() == {"seed": 7, "round": 0, "position": 0}
    next(rows)
    next(rows)
    assert sampler.state_dict() == {"seed": 7, "round": 0, "position": 2}
    assert len(list(rows)) == 3
    assert sampler.state_dict() == {"seed": 7, "round": 1, "position": 0}
    list(sampler)
    sampler.set_epoch(9)
    assert sampler.state_dict() == {"seed": 7, "round": 9, "position": 0}


def test_a_round_that_is_left_is_followed_by_the_next():
    whole = [rows.tolist() for rows in iter_random_subsets(20, 5, 4, random_state=0)]
    sampler = RepeatedRandomSubsetSampler(20, 5)
    assert list(islice(sampler, 2)) == whole[0][:2]
    older = iter(sampler)
    next(older)
    assert list(sampler) == whole[2]
    assert list(older) == whole[1][1:]  # and keeps no account any more
    assert sampler.state_dict()["round"] == 3


def test_after_loading_the_rest_comes_first():
    whole = [rows.tolist() for rows in iter_random_subsets(20, 5, 4, random_state=0)]
    sampler = RepeatedRandomSubsetSampler(20, 5)
    sampler.load_state_dict({"seed": 0, "round": 2, "position": 3})
    assert list(sampler) == whole[2][3:]
    assert list(sampler) == whole[3]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_in_a_data_loader(num_workers):
    data = TensorDataset(torch.arange(64))
    sampler = RepeatedRandomSubsetSampler(data, 0.25, seed=1)
    loader = DataLoader(
        data, batch_size=5, sampler=sampler, drop_last=True, num_workers=num_workers
    )  # fmt: skip
    assert len(loader) == 3
    expected = RepeatedRandomSubsetSampler(64, 0.25, seed=1)
    for _ in range(3):
        seen = torch.cat([batch for (batch,) in loader]).tolist()
        assert seen == list(expected)[:15]


def test_rounds_of_many_pieces(monkeypatch):
    monkeypatch.setattr("sampkit.subset.torch.CHUNK", 7)
    sampler = RepeatedRandomSubsetSampler(100, 50, seed=1)
    assert list(sampler) == next(iter_random_subsets(100, 50, random_state=1)).tolist()


def test_the_family_does_not_load_torch_and_torch_is_not_shadowed():
    code = (
        "import sys, sampkit.subset, sampkit.subset.prune;"
        "assert not {'torch', 'dask', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert sys.modules["sampkit.subset.torch"] is not torch
    assert torch.__name__ == "torch"


def test_training_with_it():
    # steps by hand: torch.optim takes seconds to import
    rng = np.random.default_rng(0)
    X = torch.tensor(rng.normal(size=(200, 5)), dtype=torch.float32)
    y = (X[:, 0] - X[:, 1] > 0).long()
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 2)
    sampler = RepeatedRandomSubsetSampler(200, 0.1, stratify=y.numpy())
    loader = DataLoader(TensorDataset(X, y), batch_size=10, sampler=sampler, drop_last=True)
    for _ in range(20):
        for features, target in loader:
            loss = torch.nn.functional.cross_entropy(layer(features), target)
            with torch.no_grad():
                for weight, slope in zip(
                    layer.parameters(), torch.autograd.grad(loss, layer.parameters()), strict=True
                ):  # fmt: skip
                    weight -= 0.5 * slope
    assert (layer(X).argmax(dim=1) == y).float().mean() > 0.9


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 0.5), {}, "data_source_or_len must be an int >= 1, got 0"),
        (([], 0.5), {}, "data_source_or_len must be an int >= 1, got 0"),
        ((10, 0.0), {}, "subset_size must be a float"),
        ((10, 11), {}, r"int in \[1, 10\] \(rows\), got 11"),
        ((10, 0.5), {"stratify": [0] * 9}, r"one label a row, shape \(10,\), got \(9,\)"),
        ((10, 0.5), {"seed": -1}, "seed must be an int >= 0, got -1"),
        ((10, 0.5), {"world_size": 0}, "world_size must be an int >= 1, got 0"),
        ((10, 0.5), {"rank": -1}, "rank must be an int >= 0, got -1"),
        ((10, 0.5), {"rank": 2, "world_size": 2}, r"rank must be in \[0, 1\], got 2"),
        ((10, 2), {"world_size": 3}, "every rank a row: rounds have 2 rows, world_size is 3"),
        ((10, 0.5), {"permutation": "sort"}, "permutation must be one of"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        RepeatedRandomSubsetSampler(*arguments, **options)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"seed": 0, "round": 1}, r"state_dict must have \['position'\]"),
        ({"seed": 0, "round": -1, "position": 0}, "round must be an int >= 0, got -1"),
        ({"seed": 0, "round": 0, "position": 5}, r"position must be in \[0, 4\], got 5"),
        ({"seed": "x", "round": 0, "position": 0}, "seed must be an int >= 0, got 'x'"),
    ],
)
def test_bad_states(state, message):
    with pytest.raises(ValueError, match=message):
        RepeatedRandomSubsetSampler(10, 5).load_state_dict(state)
    with pytest.raises(ValueError, match="epoch must be an int >= 0, got -1"):
        RepeatedRandomSubsetSampler(10, 5).set_epoch(-1)
