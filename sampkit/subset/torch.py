"""Repeated random subsets for PyTorch's DataLoader. Importing this module imports PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from numbers import Integral
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from sampkit._chunks import chunks
from sampkit.subset._arguments import count_of, one_of, root_of, rows_of, shown
from sampkit.subset._permutations import PERMUTATIONS
from sampkit.subset._rounds import checked_codes, row_rounds

__all__ = ["RepeatedRandomSubsetSampler"]

CHUNK = 4096  # row numbers turned into Python ints at once


class RepeatedRandomSubsetSampler(Sampler[int]):
    """Sampler that hands out a fresh random subset every epoch.

    Parameters
    ----------
    data_source_or_len : sized data set or int >= 1
        The data set, or its length.
    subset_size : float in (0, 1] or int in [1, len]
        Rows of a round: a share of all rows, or their number.
    replacement : bool, default=False
        Whether rows may come back before all others have been handed out.
    stratify : array-like of shape (len,), default=None
        Class labels, to give each class its share; see `sampkit.subset.iter_random_subsets`.
    seed : int >= 0, default=0
        Seed; the same on all ranks.
    rank, world_size : int, default=0, 1
        Of ``torch.distributed``: rank r hands out rows r, r + world_size, ... of the round.
    drop_last : bool, default=True
        Where the round is no multiple of `world_size`: True leaves the rest out, False repeats the
        round's first rows.
    permutation : {"shuffle", "feistel"}, default="shuffle"
        "feistel" stores nothing of the data's length, which every rank otherwise does.

    Raises
    ------
    ValueError
        A parameter out of range, or rounds without a row for every rank.

    Notes
    -----
    Each ``iter()`` is the next round, from round 0 on; round t depends on the seed and t alone.
    `set_epoch` names the next round, so the sampler also fits loops written for
    ``DistributedSampler``. The position in `state_dict` counts rows handed out; a DataLoader with
    workers asks for rows ahead of their use, so save the state between rounds, or with a loader
    that keeps account of it.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> from sampkit.subset.torch import RepeatedRandomSubsetSampler
    >>> sampler = RepeatedRandomSubsetSampler(100, 0.1, seed=0)
    >>> loader = DataLoader(range(100), batch_size=5, sampler=sampler, drop_last=True)
    >>> seen = [row for _ in range(10) for batch in loader for row in batch.tolist()]
    >>> sorted(seen) == list(range(100))
    True
    """

    def __init__(
        self,
        data_source_or_len: Sized | int,
        subset_size: float,
        *,
        replacement: bool = False,
        stratify: Any = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = True,
        permutation: str = "shuffle",
    ) -> None:
        whole = isinstance(data_source_or_len, Integral)
        n = data_source_or_len if whole else len(data_source_or_len)  # type: ignore[arg-type]
        self.n_samples = count_of(n, "data_source_or_len")
        self.k = rows_of(subset_size, self.n_samples)
        self.world_size = count_of(world_size, "world_size")
        self.rank = count_of(rank, "rank", 0)
        if self.rank >= self.world_size:
            raise ValueError(f"rank must be in [0, {self.world_size - 1}], got {rank}.")
        if drop_last and self.k < self.world_size:
            raise ValueError(
                f"subset_size must give every rank a row: rounds have {self.k} rows, world_size is "
                f"{self.world_size}."
            )
        one_of(permutation, "permutation", tuple(PERMUTATIONS))
        self.replacement, self.drop_last, self.permutation = replacement, drop_last, permutation
        self._codes = None if stratify is None else checked_codes(stratify, self.n_samples)
        self._seed(seed)
        self._round, self._position, self._pending = 0, 0, True
        self._iteration = 0

    def _seed(self, seed: Any) -> None:
        self.seed = count_of(seed, "seed", 0)
        self._rounds = row_rounds(
            self.n_samples, self.k, root_of(self.seed), replacement=self.replacement,
            codes=self._codes, permutation=self.permutation,
        )  # fmt: skip

    def __len__(self) -> int:
        """Rows of a round for this rank."""
        ranks = self.world_size
        return self.k // ranks if self.drop_last else -(-self.k // ranks)

    def __iter__(self) -> Iterator[int]:
        """Go on with the round that is due: a loaded one's rest, or the next whole one."""
        if not self._pending:
            self._round, self._position = self._round + 1, 0
        self._pending = False
        self._iteration += 1
        return self._handed_out(self._round, self._position, self._iteration)

    def _handed_out(self, t: int, start: int, iteration: int) -> Iterator[int]:
        rows = self._part(self._rounds.round(t))[start:]
        for part in chunks(rows.size, CHUNK):
            for i, row in enumerate(rows[part].tolist(), start + part.start + 1):
                if iteration == self._iteration:  # an older iterator keeps no account any more
                    self._position = i
                    if i == len(self):
                        self._round, self._position, self._pending = t + 1, 0, True
                yield row

    def _part(self, rows: Any) -> Any:
        """Return what this rank hands out of a round."""
        size = len(self) * self.world_size
        return np.resize(rows, size)[self.rank :: self.world_size]

    def set_epoch(self, epoch: int) -> None:
        """Make the next ``iter()`` a given round.

        Parameters
        ----------
        epoch : int >= 0
            Number of the round.
        """
        self._round, self._position = count_of(epoch, "epoch", 0), 0
        self._pending = True
        self._iteration += 1

    def state_dict(self) -> dict[str, int]:
        """Where the sampler stands.

        Returns
        -------
        dict
            ``seed``, ``round`` and ``position``, the rows of that round that this rank has handed
            out; a round that is used up counts as the next one at position 0.
        """
        return {"seed": self.seed, "round": self._round, "position": self._position}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where another sampler with the same parameters stood.

        The next ``iter()`` gives the rest of that round, those after it whole rounds.

        Parameters
        ----------
        state_dict : mapping
            Of `state_dict`.

        Raises
        ------
        ValueError
            Missing entries, or numbers out of range.
        """
        if missing := {"seed", "round", "position"} - set(state_dict):
            raise ValueError(f"state_dict must have {sorted(missing)}, got {shown(state_dict)}.")
        t = count_of(state_dict["round"], "round", 0)
        position = count_of(state_dict["position"], "position", 0)
        if position >= len(self) and position:
            raise ValueError(f"position must be in [0, {len(self) - 1}], got {position}.")
        self._seed(state_dict["seed"])
        self._round, self._position, self._pending = t, position, True
        self._iteration += 1
