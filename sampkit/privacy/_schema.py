"""What devices and server agree on before a single report is made."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from functools import cached_property
from typing import Any

import numpy as np

from sampkit.privacy import _schema_json
from sampkit.privacy._channel import joint_channel
from sampkit.privacy._domain import read_domain
from sampkit.privacy._exact import GRID
from sampkit.privacy._moments import predicted_variance
from sampkit.privacy._protocol import Floats, PrivacyWarning
from sampkit.privacy._reports import Layout
from sampkit.privacy._resolve import Domain, Resolution, check_options, resolved
from sampkit.privacy._solutions import (
    KNOWN,
    rsfd_losses,
)
from sampkit.privacy._validation import (
    check_choice,
    check_distribution,
    check_epsilon,
    check_integer,
    check_report_count,
)


class LDPSchema:
    """The agreement between devices and server: domain, solution, protocols, exact probabilities.

    Parameters
    ----------
    domain : dict or list
        Attribute name -> categories, or a list of these for attributes x0, x1, ... . Categories
        are a list of str, int, float or bool, or an int k for ``0..k-1``.
    epsilon : float
        The budget, > 0, for one report at the stated unit.
    solution : {'rsfd', 'spl', 'smp', 'auto'}, default='rsfd'
        'spl' splits the budget over all attributes, 'smp' samples attributes and says which,
        'rsfd' samples one and hides it among fake data. 'auto' takes the smallest predicted error
        of those that know `protocol`; it looks at no data.
    protocol : str, default='adaptive'
        'spl' and 'smp': 'grr', 'sue', 'oue', 'blh', 'olh', 'ss', 'hr', 'the', 'adaptive'. 'rsfd':
        'grr', 'sue-z', 'sue-r', 'oue-z', 'oue-r', 'matched', 'adaptive'.
    privacy_unit : {'tuple', 'attribute'}, default='tuple'
        What may change between two neighbouring inputs: a whole record, or one attribute of it.
    calibration : {'exact', 'paper'}, default='exact'
        'rsfd' only. 'exact' is the largest local budget whose loss at the unit is at most
        `epsilon`; 'paper' is the published ``ln(d (e^epsilon - 1) + 1)``, whose loss is larger for
        whole records, and for single attributes of many protocols.
    prior : list of d sequences, optional
        Law of the fake data (RS+RFD), strictly positive, each summing to 1, from elsewhere than
        these users. Only with 'grr', 'sue-r', 'oue-r' and 'matched', which needs it.
    weights : sequence of d floats, optional
        'spl' with unit 'tuple': shares of the budget, > 0, scaled to sum to 1.
    sampling_probabilities : sequence of d floats, optional
        'smp': how likely each attribute is drawn, > 0, summing to 1.
    n_sampled : int, default=1
        'smp': how many attributes a user reports, drawn without replacement.

    Attributes
    ----------
    attribute_names : tuple of str
    domain_sizes : tuple of int
    protocols : tuple of str
        Resolved, one per attribute.
    probabilities : list of (p, q, phi)
        After rounding to multiples of 2^-32: that a report supports the true value, another given
        value, and (rsfd, else None) that a fake report supports it; k values where they depend on
        the value.
    epsilon_local : float or ndarray of shape (d,)
        Budget of the local randomiser; for 'spl' of each attribute (an array with `weights`).
    epsilon_tuple, epsilon_attribute : float
        What a report really costs a whole record, and a single attribute.
    report_nbytes : int
        Length of a report.
    fingerprint : str
        Hex digest of the JSON.

    Warns
    -----
    PrivacyWarning
        ``calibration='paper'`` where the true loss exceeds `epsilon`.

    Raises
    ------
    ValueError
        Anything outside what is said above; the message names it.

    References
    ----------
    Arcolezi, Couchot, Al Bouna and Xiao, "Random sampling plus fake data", CIKM 2021 (arXiv
    2109.07269); Arcolezi et al., "On the risks of collecting multidimensional data under local
    differential privacy", PVLDB 16(5), 2023 (arXiv 2209.01684).

    Examples
    --------
    >>> from sampkit.privacy import LDPSchema
    >>> schema = LDPSchema(
    ...     {"browser": ["ff", "chrome", "safari"], "age": ["<18", "18-30", "31-50", ">50"]},
    ...     epsilon=1.0,
    ...     protocol="oue-z",
    ... )
    >>> schema.report_nbytes, schema.epsilon_tuple, round(schema.epsilon_attribute, 4)
    (1, 1.0, 0.6201)
    >>> LDPSchema.from_json(schema.to_json()) == schema
    True
    """

    def __init__(
        self,
        domain: Any,
        epsilon: float,
        *,
        solution: str = "rsfd",
        protocol: str = "adaptive",
        privacy_unit: str = "tuple",
        calibration: str = "exact",
        prior: Any = None,
        weights: Any = None,
        sampling_probabilities: Any = None,
        n_sampled: int = 1,
    ):
        parsed = read_domain(domain)
        self.epsilon = check_epsilon(epsilon)
        check_choice("solution", solution, (*KNOWN, "auto"))
        self.privacy_unit = check_choice("privacy_unit", privacy_unit, ("tuple", "attribute"))
        self.calibration = check_choice("calibration", calibration, ("exact", "paper"))
        options = {
            "prior": prior,
            "weights": weights,
            "sampling_probabilities": sampling_probabilities,
            "n_sampled": None if check_integer("n_sampled", n_sampled, 1) == 1 else n_sampled,
        }
        check_options(parsed, solution, protocol, self.privacy_unit, options)
        if solution == "auto":
            self._become_best(parsed, protocol, options)
        else:
            self._take(resolved(
                parsed, self.epsilon, solution, protocol, self.privacy_unit, self.calibration,
                options,
            ))  # fmt: skip
        self._warn()

    # --- resolution ---

    def _become_best(self, domain: Domain, protocol: str, options: dict[str, Any]) -> None:
        """Take over the state of the candidate with the smallest predicted error."""
        given = {name: value for name, value in options.items() if value is not None}
        candidates, refused = [], ""
        for solution in ("spl", "smp", "rsfd"):
            if protocol in KNOWN[solution] and (solution != "rsfd" or len(domain) > 1):
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", PrivacyWarning)
                        candidates.append(
                            LDPSchema(
                                domain,
                                self.epsilon,
                                solution=solution,
                                protocol=protocol,
                                privacy_unit=self.privacy_unit,
                                calibration=self.calibration,
                                **given,
                            )
                        )
                except ValueError as error:
                    refused = str(error)
        if not candidates:
            raise ValueError(refused or f"no solution knows protocol {protocol!r} here.")
        self.__dict__.update(min(candidates, key=lambda schema: schema.expected_mse(1)).__dict__)

    def _take(self, resolution: Resolution) -> None:
        self.solution = resolution.solution
        self.calibration = resolution.calibration
        self.epsilon_local = resolution.epsilon_local
        self.attributes = resolution.attributes
        self.sampling = resolution.sampling
        self.n_sampled = resolution.n_sampled

    def _warn(self) -> None:
        worst = max(self.epsilon_tuple, self.epsilon_attribute)
        if self.calibration == "paper" and worst > self.epsilon * (1 + 1e-12):
            warnings.warn(
                f"calibration='paper' with epsilon={self.epsilon:.6g} really costs "
                f"{self.epsilon_tuple:.6g} for a whole record (epsilon_tuple) and "
                f"{self.epsilon_attribute:.6g} for a single attribute (epsilon_attribute).",
                PrivacyWarning,
                stacklevel=3,
            )

    # --- what it says ---

    @cached_property
    def attribute_names(self) -> tuple[str, ...]:
        """Names, in the order of the report's fields."""
        return tuple(attribute.name for attribute in self.attributes)

    @cached_property
    def domain_sizes(self) -> tuple[int, ...]:
        """Numbers of categories."""
        return tuple(attribute.oracle.k for attribute in self.attributes)

    @cached_property
    def protocols(self) -> tuple[str, ...]:
        """Resolved protocols."""
        return tuple(attribute.protocol for attribute in self.attributes)

    @property
    def probabilities(self) -> list[tuple[Any, Any, Any]]:
        """(p, q, phi) of every attribute."""
        return [attribute.probabilities for attribute in self.attributes]

    @property
    def local_budgets(self) -> list[float]:
        """`epsilon_local` of every attribute, as a list."""
        return np.broadcast_to(self.epsilon_local, len(self.attributes)).tolist()

    @cached_property
    def _losses(self) -> tuple[float, float]:
        """(epsilon_tuple, epsilon_attribute), before rounding."""
        local = self.local_budgets
        if self.solution == "spl":
            whole = self.epsilon if self.privacy_unit == "tuple" else math.fsum(local)
            return whole, max(local)
        if self.solution == "smp":
            whole = self.epsilon if self.privacy_unit == "tuple" else local[0] * self.n_sampled
            return whole, local[0]
        priors = [attribute.prior for attribute in self.attributes]
        one = rsfd_losses(self.protocols, self.domain_sizes, local[0], priors, 1)
        return local[0], one

    @property
    def epsilon_tuple(self) -> float:
        """Loss between any two records."""
        return self._losses[0]

    @property
    def epsilon_attribute(self) -> float:
        """Loss between records that differ in one attribute."""
        return self._losses[1]

    @cached_property
    def layout(self) -> Layout:
        """Where the fields of a report lie."""
        return Layout.of(self.attributes, self.solution, self.n_sampled)

    @property
    def report_nbytes(self) -> int:
        """Bytes of a report."""
        return self.layout.n_bytes

    @property
    def shares(self) -> list[float]:
        """Share of the users who report on each attribute."""
        d = len(self.attributes)
        if self.solution != "smp":
            return [1.0] * d
        if self.sampling is not None:
            return [numerator / GRID for numerator in self.sampling]
        return [self.n_sampled / d] * d

    @property
    def mixed(self) -> int:
        """How many attributes a support probability mixes: d for rsfd, else 1."""
        return len(self.attributes) if self.solution == "rsfd" else 1

    # --- predictions ---

    def variance(self, n: float, frequencies: Any = None, target: str = "sample") -> list[Floats]:
        """Predict the variance of the unprocessed estimates.

        Parameters
        ----------
        n : int
            Number of users; for 'smp' ``n`` times an attribute's probability report on it.
        frequencies : list of d arrays, optional
            True frequencies; None is uniform.
        target : {'sample', 'population'}, default='sample'
            The frequency among these users, or in the population they were drawn from.

        Returns
        -------
        list of d ndarrays of shape (k_j,)
        """
        check_choice("target", target, ("sample", "population"))
        users, f = check_report_count(n), self._frequencies(frequencies)
        return [
            predicted_variance(attribute, self.mixed, users, share, f_j, target)
            for attribute, share, f_j in zip(self.attributes, self.shares, f, strict=True)
        ]

    def expected_mse(self, n: float, frequencies: Any = None) -> float:
        """Predict the mean over attributes of the mean squared error over categories.

        Parameters
        ----------
        n : int
            Number of users.
        frequencies : list of d arrays, optional
            True frequencies; None is uniform.

        Returns
        -------
        float
        """
        return float(np.mean([v.mean() for v in self.variance(n, frequencies)]))

    def _frequencies(self, frequencies: Any) -> list[Floats]:
        if frequencies is None:
            return [np.full(k, 1 / k) for k in self.domain_sizes]
        given = list(frequencies)
        if len(given) != len(self.attributes):
            raise ValueError(
                f"frequencies must have {len(self.attributes)} vectors, got {len(given)}."
            )
        return [
            np.array(check_distribution(f"frequencies[{j}]", f, k, zeros=True))
            for j, (f, k) in enumerate(zip(given, self.domain_sizes, strict=True))
        ]

    def channel(self) -> Floats:
        """Exact joint probabilities of reports, computed from the rounded numerators.

        Returns
        -------
        ndarray of shape (number of records, number of reports)
            Rows are records in the order of `itertools.product`. Columns are the product of the
            attributes' reports, each in the order of `FrequencyOracle.channel`; for 'smp' one
            block after another. A hash protocol stands with hash values, under the hash
            ``v mod g``.

        Raises
        ------
        ValueError
            More than 2^20 entries.
        """
        return joint_channel(self.attributes, self.solution, self.sampling, self.n_sampled)

    # --- as text ---

    def to_json(self) -> str:
        """Everything resolved, as JSON: the same text for equal schemas.

        Returns
        -------
        str
            No device computes a probability: the numerators over 2^32 are in it.
        """
        return self._json

    @cached_property
    def _json(self) -> str:
        return json.dumps(_schema_json.state_of(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> LDPSchema:
        """The schema that `to_json` described.

        Parameters
        ----------
        text : str
            What `to_json` returned.

        Returns
        -------
        LDPSchema

        Raises
        ------
        ValueError
            Text that `to_json` has not written, or whose probabilities cost more than it says.
        """
        schema = cls.__new__(cls)
        schema.__dict__.update(_schema_json.restored(text))
        return schema

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of the JSON."""
        return hashlib.sha256(self._json.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LDPSchema) and self._json == other._json

    def __hash__(self) -> int:
        return hash(self._json)

    def __reduce__(self) -> Any:
        return LDPSchema.from_json, (self._json,)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{a.name}: {a.oracle.k}" for a in self.attributes[:4])
        more = ", ..." if len(self.attributes) > 4 else ""
        return (
            f"LDPSchema({{{sizes}{more}}}, epsilon={self.epsilon!r}, solution={self.solution!r}, "
            f"privacy_unit={self.privacy_unit!r})"
        )
