"""Bad calls of the functions; estimators, splitter, sampler and baselines have their own tables."""

from __future__ import annotations

import numpy as np
import pytest

from sampkit.subset import block_correlation, iter_block_subsets, iter_random_subsets, read_cost

SIZE = r"subset_size must be a float in \(0, 1\] \(a share\) or an int in \[1, 10\] \(rows\), got "
BAD = [
    (iter_random_subsets, (0,), {}, "n_samples must be an int >= 1, got 0"),
    (iter_random_subsets, (2.5,), {}, "n_samples must be an int >= 1, got 2.5"),
    (iter_random_subsets, (10, 0.0), {}, SIZE + "0.0"),
    (iter_random_subsets, (10, -0.1), {}, SIZE + "-0.1"),
    (iter_random_subsets, (10, 1.5), {}, SIZE + "1.5"),
    (iter_random_subsets, (10, 0), {}, SIZE + "0"),
    (iter_random_subsets, (10, 11), {}, SIZE + "11"),
    (iter_random_subsets, (10, True), {}, SIZE + "True"),
    (iter_random_subsets, (10, "0.1"), {}, SIZE + "'0.1'"),
    (iter_random_subsets, (10, float("nan")), {}, SIZE + "nan"),
    (iter_random_subsets, (10, 0.5, 0), {}, "n_rounds must be an int >= 1, got 0"),
    (iter_random_subsets, (10, 0.5, 2.0), {}, "n_rounds must be an int >= 1, got 2.0"),
    (iter_random_subsets, (10,), {"stratify": [0] * 9}, r"shape \(10,\), got \(9,\)"),
    (iter_random_subsets, (10,), {"stratify": np.zeros((10, 2))}, r"shape \(10,\), got \(10, 2\)"),
    (iter_random_subsets, (10,), {"stratify": [0] * 10, "remainder": "drop"}, "got .*'drop'"),
    (iter_random_subsets, (2**31 + 1,), {"stratify": [0]}, r"n_samples <= 2\*\*31, got 2147483649"),
    (iter_random_subsets, (10,), {"remainder": "keep"}, r"remainder must be one of \['carry'"),
    (iter_random_subsets, (10,), {"permutation": "sort"}, "permutation must be .* got 'sort'"),
    (iter_random_subsets, (2**62 + 1, 1), {"permutation": "feistel"}, r"n_samples must be <= 2\*"),
    (iter_random_subsets, (10,), {"dtype": float}, "integer type that holds 9, got float64"),
    (iter_random_subsets, (1000,), {"dtype": np.int8}, "integer type that holds 999, got int8"),
    (iter_random_subsets, (10,), {"random_state": -1}, "random_state must be .* got '-1'"),
    (iter_block_subsets, (0, 0.5, 2), {}, "n_rows must be an int >= 1, got 0"),
    (iter_block_subsets, (10, 11, 2), {}, SIZE + "11"),
    (iter_block_subsets, (10, 0.5, 0), {}, "block_rows must be an int >= 1, got 0"),
    (iter_block_subsets, (10, 0.5, 2), {"n_rounds": -1}, "n_rounds must be an int >= 1, got -1"),
    (read_cost, (0, 0.1), {}, "row_bytes must be an int >= 1, got 0"),
    (read_cost, (64, 0.0), {}, r"subset_size must be a float in \(0, 1\], got 0.0"),
    (read_cost, (64, 100), {}, r"subset_size must be a float in \(0, 1\], got 100"),
    (read_cost, (64, 0.1, 0), {}, "page_bytes must be an int >= 1, got 0"),
    (read_cost, (64, 0.1), {"block_rows": 0}, "block_rows must be an int >= 1, got 0"),
    (block_correlation, ([0, 1], 0), {}, "block_rows must be an int >= 1, got 0"),
    (block_correlation, ([], 2), {}, r"one-dimensional and not empty, got shape \(0,\)"),
    (block_correlation, ([[0], [1]], 2), {}, r"one-dimensional and not empty, got shape \(2, 1\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "arguments", "options", "message"), BAD)
def test_bad_input(call, arguments, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(*arguments, **options)  # at the call, not at the first round
    assert len(str(caught.value)) < 400
