"""Exact nearest neighbours: fast searches whose every answer is verified."""

from sampkit.neighbors._knn import knn
from sampkit.neighbors._searcher import VerifiedNeighbors, neighbors_of

__all__ = ["VerifiedNeighbors", "knn", "neighbors_of"]
