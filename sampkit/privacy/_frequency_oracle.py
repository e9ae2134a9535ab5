"""One attribute, one protocol: the oracle as its users meet it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sampkit.privacy._channel import LARGEST
from sampkit.privacy._exact import entropy_of
from sampkit.privacy._protocol import Array, Floats
from sampkit.privacy._validation import (
    check_choice,
    check_epsilon,
    check_frequencies,
    check_integer,
    check_report_count,
)
from sampkit.privacy.oracles import PROTOCOLS


class FrequencyOracle:
    """Estimate the histogram of one categorical attribute from randomised reports.

    Parameters
    ----------
    protocol : str
        'grr', 'sue', 'oue', 'blh', 'olh', 'ss', 'hr', 'hr-block', 'the' or 'she'.
    n_categories : int
        Number of categories k >= 2; values are codes ``0..k-1``.
    epsilon : float
        The budget, > 0.

    Attributes
    ----------
    p, q : float
        Probability that a report supports the true value, and a given other value, after rounding
        to multiples of 2^-32. NaN for 'hr-block' and 'she', whose counts are no such sums.
    epsilon_effective : float
        What the rounded probabilities cost exactly; at most `epsilon`.

    Raises
    ------
    ValueError
        Unknown protocol, fewer than two categories, a budget that is not a finite number > 0 or is
        too small for the 2^-32 grid.

    References
    ----------
    Wang, Blocki, Li and Jha, "Locally differentially private protocols for frequency estimation",
    USENIX Security 2017; Ye and Barg, "Optimal schemes for discrete distribution estimation under
    locally differential privacy", 2018 ('ss'); Acharya, Sun and Zhang, "Hadamard response", 2019
    ('hr', 'hr-block'); Canonne, Kamath and Steinke, "The discrete Gaussian for differential
    privacy", NeurIPS 2020 (the noise of 'she').

    Examples
    --------
    >>> import numpy as np
    >>> from sampkit.privacy import FrequencyOracle
    >>> oracle = FrequencyOracle("oue", n_categories=4, epsilon=1.0)
    >>> round(oracle.p, 6), round(oracle.q, 6)
    (0.5, 0.268941)
    >>> values = np.repeat([0, 1, 2, 3], [400, 300, 200, 100])
    >>> reports = oracle.privatize(values, random_state=0)
    >>> reports.shape, reports.dtype
    ((1000, 4), dtype('uint8'))
    >>> f = oracle.estimate(oracle.support_counts(reports), n=1000)
    >>> bool(np.all(abs(f - [0.4, 0.3, 0.2, 0.1]) < 4 * oracle.variance(1000) ** 0.5))
    True
    """

    def __init__(self, protocol: str, n_categories: int, epsilon: float):
        self.protocol = check_choice("protocol", protocol, tuple(PROTOCOLS))
        self.n_categories = check_integer("n_categories", n_categories, 2)
        self.epsilon = check_epsilon(epsilon)
        self._oracle = PROTOCOLS[self.protocol](self.n_categories, self.epsilon)
        self.p, self.q = float(self._oracle.p), float(self._oracle.q)
        self.epsilon_effective = self._oracle.epsilon_effective

    def __repr__(self) -> str:
        return f"FrequencyOracle({self.protocol!r}, {self.n_categories}, {self.epsilon!r})"

    def privatize(self, values: npt.ArrayLike, random_state: Any = None) -> Array:
        """Randomise every value on its own.

        Parameters
        ----------
        values : array-like of int of shape (n,)
            Codes in ``0..k-1``.
        random_state : None, int, Generator or RandomState
            None draws from the operating system's entropy, the only choice that protects anybody;
            the others are for simulation.

        Returns
        -------
        ndarray
            Reports: int64 (n,) for 'grr', 'hr' and 'hr-block'; uint8 bits (n, k) for 'sue', 'oue',
            'the' and 'ss'; uint64 (n, 2), seed and hash, for 'blh' and 'olh'; float64 (n, k) for
            'she', multiples of a power of two (discrete Laplace noise from integers: no low bit
            of a float tells on the value).

        Raises
        ------
        ValueError
            A value outside ``0..k-1``.
        TypeError
            Values that are not integers.

        Notes
        -----
        O(n k) for bits and 'she', O(n) else; 'ss' O(n w).
        """
        codes = np.asarray(values)
        if codes.ndim != 1:
            raise ValueError(f"values must be one-dimensional, got shape {codes.shape}.")
        if codes.dtype.kind not in "iu" and codes.size:
            raise TypeError(f"values must be integer codes, got dtype {codes.dtype}.")
        outside = (codes < 0) | (codes >= self.n_categories)
        if outside.any():
            raise ValueError(
                f"values must lie in [0, {self.n_categories}), got {codes[outside][0]}."
            )
        symbols = self._oracle.randomize(codes.astype(np.int64), entropy_of(random_state))
        return self._oracle.public(symbols)

    def support_counts(self, reports: npt.ArrayLike) -> Array:
        """Count the reports that support each value.

        Parameters
        ----------
        reports : array-like
            What `privatize` returned.

        Returns
        -------
        ndarray of shape (k,)
            Integers; for 'hr-block' signed sums, for 'she' sums of floats.

        Raises
        ------
        ValueError
            Reports that no client can have sent.
        """
        return self._oracle.tally(self._oracle.symbols(reports))

    def estimate(self, counts: npt.ArrayLike, n: int) -> Floats:
        """Turn support counts into unbiased frequencies, which may be negative.

        Parameters
        ----------
        counts : array-like of shape (k,)
            Support counts.
        n : int
            Number of reports, > 0.

        Returns
        -------
        ndarray of shape (k,)
        """
        values = np.asarray(counts)
        if values.shape != (self.n_categories,):
            raise ValueError(f"counts must have shape ({self.n_categories},), got {values.shape}.")
        return self._oracle.estimate(values, check_integer("n", n, 1))

    def variance(self, n: float, frequency: npt.ArrayLike = 0.0, target: str = "sample") -> Any:
        """Predict the variance of `estimate`.

        Parameters
        ----------
        n : int or float
            Number of reports, > 0.
        frequency : float or array-like, default=0.0
            True frequency; for 'hr-block' the whole vector (k,), or one number for all.
        target : {'sample', 'population'}, default='sample'
            The frequency among these n users, or in the population that they were drawn from.

        Returns
        -------
        float or ndarray
            Of the shape of `frequency`; for 'hr-block' (k,).
        """
        check_choice("target", target, ("sample", "population"))
        f = check_frequencies("frequency", frequency)
        variance = self._oracle.variance(check_report_count(n), f, target)
        return float(variance) if np.ndim(variance) == 0 else variance

    def channel(self) -> Floats:
        """Exact probabilities of every report, computed from the rounded numerators.

        Returns
        -------
        ndarray of shape (k, m)
            Rows are values. Columns are categories; bit vectors in the order of
            ``itertools.product([0, 1], repeat=k)``; subsets in the order of
            ``itertools.combinations``; or y. For 'blh' and 'olh' the (g, g) channel of the hash.

        Raises
        ------
        ValueError
            More than 2^20 entries, or 'she'.
        """
        rows, columns = self._oracle.n_inputs, self._oracle.n_reports
        if rows * columns > LARGEST and self.protocol != "she":
            raise ValueError(
                f"channel() would have {rows} x {columns} entries; at most 2**20 are made."
            )
        return self._oracle.channel()
