"""What `sampling_strategy` means: a user's word, number, dict or callable as rows per class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["over-sampling", "under-sampling", "clean-sampling"]

KINDS: tuple[Kind, ...] = ("over-sampling", "under-sampling", "clean-sampling")
_WORDS = {
    "over-sampling": ("minority", "not minority", "not majority", "all", "auto"),
    "under-sampling": ("majority", "not minority", "not majority", "all", "auto"),
    "clean-sampling": ("majority", "not minority", "not majority", "all", "auto"),
}


@dataclass(frozen=True)
class Target:
    """Class labels as codes: what every sampler needs to know about y."""

    classes: npt.NDArray[Any]  # (n_classes,) sorted labels
    codes: npt.NDArray[np.intp]  # (n,) position of each row's label in `classes`

    @classmethod
    def of(cls, y: npt.NDArray[Any]) -> Target:
        try:
            classes, codes = np.unique(y, return_inverse=True)
        except TypeError:
            kinds = sorted({type(label).__name__ for label in np.ravel(y)})
            raise TypeError(f"y must hold labels of one type, got {_short(kinds)}.") from None
        return cls(classes, codes.astype(np.intp, copy=False).reshape(-1))

    @classmethod
    def absent(cls) -> Target:
        """No classes: what a sampler gets that does not look at y."""
        return cls(np.empty(0), np.empty(0, dtype=np.intp))

    @cached_property
    def labels(self) -> list[Any]:
        """The classes as plain Python values: the keys of `sampling_strategy_`."""
        return self.classes.tolist()

    @cached_property
    def counts(self) -> npt.NDArray[np.intp]:
        return np.bincount(self.codes, minlength=len(self.classes))

    @property
    def rarest(self) -> int:
        return int(self.counts.argmin())

    def rows(self, code: int) -> npt.NDArray[np.intp]:
        """Row numbers of one class, ascending."""
        return np.flatnonzero(self.codes == code)

    def code_of(self, label: Any) -> int:
        """Position of a label among the classes; ValueError when it is not there."""
        try:
            return self.labels.index(label)
        except ValueError:
            raise ValueError(
                f"The target class {_short(label)} is/are not present in the data; "
                f"the classes are {_short(self.labels)}."
            ) from None


def _short(value: Any, width: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= width else f"{text[: width - 4]} ..."


def sampling_targets(strategy: Any, y: npt.ArrayLike | Target, kind: Kind) -> dict[Any, int]:
    """Rows to add (over-sampling) or to keep (under-sampling, cleaning) for every targeted class.

    Parameters
    ----------
    strategy : str, float, dict, list or callable
        - str: ``"minority"`` (over only), ``"majority"`` (under and cleaning only),
          ``"not minority"``, ``"not majority"``, ``"all"``, or ``"auto"`` (``"not majority"`` for
          over-sampling, ``"not minority"`` otherwise). Over-sampling brings the targeted classes
          to the size of the largest class, under-sampling to that of the smallest.
        - float in (0, 1], two classes only: the ratio minority / majority after sampling.
        - dict: class -> number of rows of that class after sampling.
        - list: the targeted classes (cleaning only).
        - callable: called with ``y``, returns such a dict.
    y : array-like of shape (n_samples,)
        Class labels.
    kind : {"over-sampling", "under-sampling", "clean-sampling"}
        What the numbers mean.

    Returns
    -------
    dict
        Class -> number of rows to add ("over-sampling") or to keep (otherwise), keys sorted, the
        targeted classes only.

    Raises
    ------
    ValueError
        Unknown word or class, a count on the wrong side of the present one, a negative count, a
        ratio with more than two classes, a list for a sampler that does not clean, fewer than
        two classes.

    Examples
    --------
    >>> from sampkit.base import sampling_targets
    >>> y = [0] * 10 + [1] * 4 + [2] * 7
    >>> sampling_targets("auto", y, "over-sampling")
    {1: 6, 2: 3}
    >>> sampling_targets({0: 5}, y, "under-sampling")
    {0: 5}
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}.")
    target = y if isinstance(y, Target) else Target.of(np.asarray(y))
    if len(target.classes) < 2:
        raise ValueError(
            f"The target 'y' needs to have more than 1 class. Got {len(target.classes)} class "
            "instead"
        )
    if callable(strategy) and not isinstance(strategy, type):
        strategy = strategy(target.classes[target.codes])
        if not isinstance(strategy, Mapping):
            raise ValueError(
                "When 'sampling_strategy' is a callable it must return a dict class -> count, "
                f"got {_short(strategy)}."
            )
    if isinstance(strategy, str):
        final = _from_word(strategy, target, kind)
    elif isinstance(strategy, Mapping):
        final = _from_dict(strategy, target, kind)
    elif isinstance(strategy, Real) and not isinstance(strategy, bool):
        final = _from_ratio(float(strategy), target, kind)
    elif isinstance(strategy, (list, tuple, set, np.ndarray)):
        final = _from_list(strategy, target, kind)
    else:
        raise ValueError(
            "sampling_strategy must be a str, a float in (0, 1], a dict, a list or a callable, "
            f"got {_short(strategy)}."
        )
    present = target.counts if kind == "over-sampling" else np.zeros_like(target.counts)
    return {target.labels[code]: int(final[code] - present[code]) for code in sorted(final)}


def _from_word(word: str, target: Target, kind: Kind) -> dict[int, int]:
    if word in ("majority", "minority") and word not in _WORDS[kind]:
        sampler = "over-sampler" if kind == "over-sampling" else "under-sampler"
        raise ValueError(
            f"'sampling_strategy'={word!r} cannot be used with {sampler}: it needs to be one of "
            f"{_WORDS[kind]}."
        )
    if word not in _WORDS[kind]:
        raise ValueError(
            f"When 'sampling_strategy' is a string, it needs to be one of {_WORDS[kind]} for "
            f"{kind}. Got {word!r} instead."
        )
    if word == "auto":
        word = "not majority" if kind == "over-sampling" else "not minority"
    smallest, largest = int(target.counts.argmin()), int(target.counts.argmax())
    targeted = {
        "all": range(len(target.classes)),
        "minority": [smallest],
        "majority": [largest],
        "not minority": [c for c in range(len(target.classes)) if c != smallest],
        "not majority": [c for c in range(len(target.classes)) if c != largest],
    }[word]
    size = int(target.counts[largest if kind == "over-sampling" else smallest])
    return dict.fromkeys(targeted, size)


def _from_dict(wanted: Mapping[Any, Any], target: Target, kind: Kind) -> dict[int, int]:
    if kind == "clean-sampling":
        raise ValueError(
            "'sampling_strategy' as a dict for cleaning methods is not supported. Please give a "
            "list of the classes to be targeted by the sampling."
        )
    final: dict[int, int] = {}
    for label, count in wanted.items():
        code = target.code_of(label)
        if not isinstance(count, (Integral, np.integer)) or isinstance(count, bool):
            raise ValueError(
                f"The number of samples in a class must be an integer, got {_short(count)} for "
                f"class {_short(label)}."
            )
        size = int(count)
        if size < 0:
            raise ValueError(
                f"The number of samples in a class cannot be negative. 'sampling_strategy' has "
                f"{size} for class {_short(label)}."
            )
        present = int(target.counts[code])
        if kind == "over-sampling" and size < present:
            raise ValueError(
                "With over-sampling methods, the number of samples in a class should be greater "
                "or equal to the original number of samples. Originally, there is "
                f"{present} samples and {size} samples are asked for class {_short(label)}."
            )
        if kind == "under-sampling" and size > present:
            raise ValueError(
                "With under-sampling methods, the number of samples in a class should be less or "
                "equal to the original number of samples. Originally, there is "
                f"{present} samples and {size} samples are asked for class {_short(label)}."
            )
        final[code] = size
    return final


def _from_ratio(ratio: float, target: Target, kind: Kind) -> dict[int, int]:
    if kind == "clean-sampling":
        raise ValueError(
            "'clean-sampling' methods do not let the user specify the sampling ratio, got "
            f"sampling_strategy={ratio!r}."
        )
    if not 0 < ratio <= 1:
        raise ValueError(
            f"When 'sampling_strategy' is a float, it should be in the range (0, 1], got {ratio!r}."
        )
    if len(target.classes) > 2:
        raise ValueError(
            f'"sampling_strategy" can be a float only when the type of target is binary, got '
            f"{ratio!r} with {len(target.classes)} classes. For multi-class, use a dict."
        )
    smallest = target.rarest
    largest = 1 - smallest
    n_min, n_maj = int(target.counts[smallest]), int(target.counts[largest])
    # the 1e-9 keeps e.g. .29 of 100 at 29, where the product rounds to 28.999999999999996
    if kind == "over-sampling":
        size = int(np.floor(ratio * n_maj + 1e-9))
        if size < n_min:
            raise ValueError(
                "The specified ratio required to remove samples from the minority class while "
                f"trying to generate new samples: sampling_strategy={ratio!r} asks for {size} of "
                f"{n_min} rows. Please increase the ratio."
            )
        return {smallest: size}
    size = int(np.floor(n_min / ratio + 1e-9))
    if size > n_maj:
        raise ValueError(
            "The specified ratio required to generate new sample in the majority class while "
            f"trying to remove samples: sampling_strategy={ratio!r} asks for {size} of {n_maj} "
            "rows. Please increase the ratio."
        )
    return {largest: size}


def _from_list(wanted: Iterable[Any], target: Target, kind: Kind) -> dict[int, int]:
    if kind != "clean-sampling":
        raise ValueError(
            "'sampling_strategy' cannot be a list for samplers which are not cleaning methods, "
            f"got {_short(wanted)}."
        )
    return {(code := target.code_of(c)): int(target.counts[code]) for c in wanted}
