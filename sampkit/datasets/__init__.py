"""Imbalanced data: bundled real tables, tables other packages carry, and generators.

Nothing is downloaded. :func:`list_datasets` says for every table how many rows are of the class
of interest, what licence it has and where it comes from.
"""

from __future__ import annotations

from ._bundled import load_abalone, load_car, load_satimage
from ._catalogue import list_datasets
from ._generators import make_imbalanced_blobs, make_imbalanced_moons, make_mixed_frame
from ._nursery import load_nursery
from ._optional import (
    load_adult,
    load_breast_cancer,
    load_digit,
    load_mnist5k,
    load_phoneme,
    load_pima,
)
from ._phantom import make_ellipse_phantom
from ._unicode import load_unicode_chart

__all__ = [
    "list_datasets",
    "load_abalone",
    "load_adult",
    "load_breast_cancer",
    "load_car",
    "load_digit",
    "load_mnist5k",
    "load_nursery",
    "load_phoneme",
    "load_pima",
    "load_satimage",
    "load_unicode_chart",
    "make_ellipse_phantom",
    "make_imbalanced_blobs",
    "make_imbalanced_moons",
    "make_mixed_frame",
]
