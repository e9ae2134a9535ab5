"""Tags of samplers: scikit-learn's, and those that imbalanced-learn's checks read."""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.utils import InputTags, Tags


@dataclass(slots=True)
class SamplerTags:
    """What imbalanced-learn's checks ask of a sampler.

    Parameters
    ----------
    sample_indices : bool, default=False
        Whether every output row is a row of the input, listed in ``sample_indices_``.

    Examples
    --------
    >>> from sampkit.under_sampling import RandomUnderSampler
    >>> RandomUnderSampler().__sklearn_tags__().sampler_tags
    SamplerTags(sample_indices=True)
    """

    sample_indices: bool = False


@dataclass(slots=True)
class SamplerInputTags(InputTags):
    """scikit-learn's input tags and whether data frames are taken.

    Parameters
    ----------
    dataframe : bool, default=True
        Whether data frames are accepted.

    Examples
    --------
    >>> from sampkit.over_sampling import SMOTE
    >>> SMOTE().__sklearn_tags__().input_tags.dataframe
    True
    """

    dataframe: bool = True


@dataclass(slots=True)
class SamplerTagsBundle(Tags):
    """scikit-learn's tags and those of a sampler.

    Parameters
    ----------
    sampler_tags : SamplerTags or None, default=None
        Tags that only samplers have.

    Examples
    --------
    >>> from sampkit.over_sampling import SMOTE
    >>> SMOTE().__sklearn_tags__().estimator_type
    'sampler'
    """

    sampler_tags: SamplerTags | None = None
