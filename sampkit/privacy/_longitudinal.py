"""Asking the same people again and again: probabilities of both rounds, and the server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sampkit.privacy._aggregator import LDPAggregator
from sampkit.privacy._bucket_bits import BucketBits
from sampkit.privacy._estimate import POSTPROCESS, processed
from sampkit.privacy._protocol import Counts, Oracle
from sampkit.privacy._schema import LDPSchema
from sampkit.privacy._solutions import Attribute
from sampkit.privacy._two_rounds import (
    CALIBRATIONS,
    NAMES,
    NEEDS_SIZE,
    Plan,
    Rounds,
    read_budgets,
    read_plan,
    resolve,
)
from sampkit.privacy._validation import (
    check_choice,
    check_frequencies,
    check_integer,
    check_report_count,
    shown,
)
from sampkit.privacy.oracles.unary import UnaryBits

if TYPE_CHECKING:
    import pandas as pd


def longitudinal_probabilities(
    protocol: str,
    epsilon_permanent: float,
    epsilon_first: float,
    n_categories: int | None = None,
) -> Rounds:
    """Probabilities of both rounds of a longitudinal protocol.

    Parameters
    ----------
    protocol : str
        'l-grr', 'l-sue', 'l-osue', 'l-oue', 'l-soue', 'l-olh', 'l-blh' or 'l-adaptive', which is
        the one of 'l-grr' and 'l-osue' with less variance.
    epsilon_permanent : float
        What a memoised value costs however often it is reported, > 0.
    epsilon_first : float
        What its first report costs, in (0, epsilon_permanent).
    n_categories : int, optional
        k; needed by 'l-grr' and 'l-adaptive', the others do without.

    Returns
    -------
    p1, q1, p2, q2 : float
        First round: the memoised value supports the true one, and a given other one; second
        round: the same of a report and the memoised value. Together ``p = p1 p2 + (1 - p1) q2``,
        ``q = q1 p2 + (1 - q1) q2``. For 'l-olh' and 'l-blh' on the hashed value.

    Raises
    ------
    ValueError
        An unknown protocol, budgets out of order, budgets that 'l-oue' or 'l-soue' cannot meet,
        or no n_categories where it is needed.

    Notes
    -----
    Nominal values, before they are rounded to multiples of 2^-32. Together the rounds of 'l-grr',
    'l-sue' and 'l-osue' are exactly GRR, SUE and OUE at `epsilon_first`.

    References
    ----------
    Erlingsson, Pihur and Korolova, "RAPPOR", CCS 2014; Arcolezi et al., "Improving the utility of
    locally differentially private protocols for longitudinal and multidimensional frequency
    estimates", 2022; Arcolezi et al., "Frequency estimation of evolving data under local
    differential privacy" (LOLOHA), EDBT 2023.

    Examples
    --------
    >>> from sampkit.privacy import longitudinal_probabilities
    >>> [round(p, 6) for p in longitudinal_probabilities("l-sue", 2.0, 1.0)]
    [0.731059, 0.268941, 0.764996, 0.235004]
    """
    check_choice("protocol", protocol, NAMES)
    permanent, first = read_budgets(epsilon_permanent, epsilon_first)
    if n_categories is None and protocol in NEEDS_SIZE:
        raise ValueError(f"protocol {protocol!r} needs n_categories, got None.")
    k = 2 if n_categories is None else check_integer("n_categories", n_categories, 2)
    return CALIBRATIONS[resolve(protocol, permanent, first, k)](permanent, first, k)


class LongitudinalAggregator:
    """Sum the reports of one round of a longitudinal collection.

    Parameters
    ----------
    protocol : str
        This and all that follows: as of the `LongitudinalClient` on the devices.
    n_categories : int
        Number of categories.
    epsilon_permanent : float
        Budget of the permanent round.
    epsilon_first : float or None, default=None
        Budget of the first report.
    n_buckets : int or None, default=None
        Of 'dbitflip' alone.
    n_bits : int, default=1
        Of 'dbitflip' alone.

    Attributes
    ----------
    support_counts_ : list of one ndarray of int64
        How many reports support each category, of shape (k,); 'dbitflip': shape (2 b,), how many
        bits of each bucket were 1, and how many there were.
    n_reports_, n_rejected_ : int
        Reports counted, and malformed ones skipped.

    Raises
    ------
    ValueError
        Parameters that no client can have.

    Notes
    -----
    Use one aggregator per round: reports of one device in several rounds are not independent.
    State and cost are those of `LDPAggregator`.

    Examples
    --------
    >>> from sampkit.privacy import LongitudinalAggregator, LongitudinalClient
    >>> agreed = ("l-grr", 3, 4.0, 3.0)
    >>> clients = [LongitudinalClient(*agreed, random_state=i) for i in range(600)]
    >>> reports = [client.report(i % 2) for i, client in enumerate(clients)]
    >>> table = LongitudinalAggregator(*agreed).partial_fit(reports).estimate()
    >>> bool((abs(table["estimate"] - [0.5, 0.5, 0.0]) < 0.1).all())
    True
    """

    def __init__(
        self,
        protocol: str,
        n_categories: int,
        epsilon_permanent: float,
        epsilon_first: float | None = None,
        *,
        n_buckets: int | None = None,
        n_bits: int = 1,
    ):
        self._plan = read_plan(
            protocol, n_categories, epsilon_permanent, epsilon_first, n_buckets, n_bits
        )
        self._schema = _one_attribute(self._plan)
        self._aggregator = LDPAggregator(self._schema)

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self._plan.parameters().items())
        return f"LongitudinalAggregator({given})"

    @property
    def _oracle(self) -> Oracle:
        return self._schema.attributes[0].oracle

    @property
    def support_counts_(self) -> list[Counts]:
        """C_v of the attribute."""
        return self._aggregator.support_counts_

    @property
    def n_reports_(self) -> int:
        """Reports counted."""
        return self._aggregator.n_reports_

    @property
    def n_rejected_(self) -> int:
        """Malformed reports skipped."""
        return self._aggregator.n_rejected_

    def partial_fit(self, reports: Any, *, on_error: str = "raise") -> LongitudinalAggregator:
        """Count some more reports, as `LDPAggregator.partial_fit`.

        Parameters
        ----------
        reports : bytes, ndarray of uint8 of shape (n, number of bytes), or iterable of these
            What `LongitudinalClient.report` returned, one or several.
        on_error : {'raise', 'skip'}, default='raise'
            What to do with malformed reports.

        Returns
        -------
        LongitudinalAggregator
            Itself.

        Raises
        ------
        ValueError
            A report that no client can have sent; the counts stay as they were.
        """
        self._aggregator.partial_fit(reports, on_error=on_error)
        return self

    def merge(self, other: LongitudinalAggregator) -> LongitudinalAggregator:
        """Add the counts of another aggregator of the same collection.

        Parameters
        ----------
        other : LongitudinalAggregator
            Of the same collection; not changed.

        Returns
        -------
        LongitudinalAggregator
            Itself.

        Raises
        ------
        ValueError
            Other parameters.
        """
        if not isinstance(other, LongitudinalAggregator):
            raise TypeError(f"other must be a LongitudinalAggregator, got {type(other).__name__}.")
        theirs = other._plan.parameters()
        for name, value in self._plan.parameters().items():
            if theirs[name] != value:
                raise ValueError(
                    f"other counts another collection: {name} is {shown(theirs[name])} there, "
                    f"{shown(value)} here."
                )
        self._aggregator.merge(other._aggregator)
        return self

    def estimate(
        self,
        *,
        postprocess: str = "none",
        confidence_level: float = 0.95,
        interval: str = "wilson",
        simultaneous: bool = False,
        target: str = "population",
    ) -> pd.DataFrame:
        """Estimate the frequencies of this round, as `LDPAggregator.estimate`.

        Parameters
        ----------
        postprocess : {'none', 'clip', 'normalize', 'simplex', 'mle'}, default='none'
            'mle' for 'l-grr' only.
        confidence_level : float, default=0.95
            In (0, 1).
        interval : {'wilson', 'clopper-pearson', 'normal'}, default='wilson'
            'dbitflip' has no 'clopper-pearson': its estimates are no binomial shares.
        simultaneous : bool, default=False
            Whether all intervals together have the confidence level.
        target : {'population', 'sample'}, default='population'
            What the interval is about.

        Returns
        -------
        DataFrame
            Index (attribute, category) with the one attribute x0 and its codes, for 'dbitflip' its
            buckets; columns estimate, std_error, ci_low, ci_high.

        Raises
        ------
        ValueError
            No reports yet, or an option that does not fit.
        """
        options: dict[str, Any] = {
            "postprocess": postprocess,
            "confidence_level": confidence_level,
            "interval": interval,
            "simultaneous": simultaneous,
            "target": target,
        }
        if isinstance(self._oracle, BucketBits):
            return _bucket_table(self._schema, self._aggregator, options)
        return self._aggregator.estimate(**options)

    def variance(self, n: float, frequency: npt.ArrayLike = 0.0, target: str = "sample") -> Any:
        """Predict the variance of the unprocessed estimates.

        Parameters
        ----------
        n : int or float
            Number of reports, > 0.
        frequency : float or array-like, default=0.0
            True frequency, of a bucket for 'dbitflip'.
        target : {'sample', 'population'}, default='sample'
            The frequency among these users, or in the population they were drawn from.

        Returns
        -------
        float or ndarray
            Of the shape of `frequency`.
        """
        check_choice("target", target, ("sample", "population"))
        f = check_frequencies("frequency", frequency)
        variance = self._oracle.variance(check_report_count(n), f, target)
        return float(variance) if np.ndim(variance) == 0 else variance


def _one_attribute(plan: Plan) -> LDPSchema:
    """A schema of the one attribute x0 whose oracle is both rounds together.

    It lives on the server alone and is never sent: numerators of two rounds are fractions, which a
    schema's JSON does not know.
    """
    oracle, k = plan.rounds.server, plan.k
    if isinstance(oracle, UnaryBits) and plan.n_buckets:
        oracle = BucketBits(2 * plan.n_buckets, plan.n_bits, oracle.hot, oracle.cold)
        k = oracle.k
    schema = LDPSchema.__new__(LDPSchema)
    budget = plan.first or plan.permanent
    schema.__dict__ |= {
        "attributes": (Attribute("x0", tuple(range(k)), plan.protocol, oracle),),
        "solution": "spl",
        "epsilon": budget,
        "epsilon_local": budget,
        "privacy_unit": "tuple",
        "calibration": "exact",
        "sampling": None,
        "n_sampled": 1,
        "_json": json.dumps(plan.parameters()),
    }
    return schema


def _bucket_table(
    schema: LDPSchema, aggregator: LDPAggregator, options: dict[str, Any]
) -> pd.DataFrame:
    """The table of 'dbitflip': rows are buckets, and each has counts of its own."""
    import pandas as pd

    if options["interval"] == "clopper-pearson" or options["postprocess"] == "mle":
        raise ValueError(
            "protocol 'dbitflip' has neither interval='clopper-pearson' nor postprocess='mle': its "
            "estimates are no shares of a fixed number of reports."
        )
    # checks the options, and lays out rows and columns, of which the first half are buckets
    table = aggregator.estimate(**{**options, "postprocess": "none"})
    check_choice("postprocess", options["postprocess"], POSTPROCESS)
    attribute = schema.attributes[0]
    oracle, level = attribute.oracle, options["confidence_level"]
    assert isinstance(oracle, BucketBits)
    if options["simultaneous"]:
        level = level ** (1 / oracle.n_buckets)
    counts = aggregator.support_counts_[0]
    columns = oracle.columns(
        counts, aggregator.n_reports_, options["interval"], level, options["target"]
    )
    columns[:, 0] = processed(columns[:, 0], options["postprocess"], attribute, 1, counts, None)
    rows = table.index[: oracle.n_buckets].to_list()
    index = pd.MultiIndex.from_tuples(rows, names=table.index.names)
    return pd.DataFrame(columns, index=index, columns=table.columns)
