"""
Where the usual formula loses the neighbours
============================================

Two tight clusters far from each other. The formula that makes brute-force searches fast,
:math:`|x|^2 - 2xy + |y|^2`, subtracts large numbers to get tiny ones. ``knn`` proposes candidates
that way, too, and then verifies every answer.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import NearestNeighbors

from sampkit.neighbors import knn

rng = np.random.default_rng(0)


def clusters(width, n=600, d=30):
    """Two Gaussian clusters of the given width, 1000 apart in every column."""
    return np.repeat([0.0, 1000.0], n)[:, None] + width * rng.normal(size=(2 * n, d))


def share_wrong(X, found, k=5):
    """Share of the neighbours found that are farther away than the true k-th one."""
    wrong = 0
    for i, mine in enumerate(found):
        distance = ((X - X[i]) ** 2).sum(axis=1)
        distance[i] = np.inf
        bound = np.partition(distance, k - 1)[k - 1]
        wrong += (distance[mine] > bound * (1 + 1e-9)).sum()
    return wrong / found.size


widths = 10.0 ** np.arange(-8, 1)
ours, brute = [], []
for width in widths:
    X = clusters(width)
    ours.append(share_wrong(X, knn(X, 5)))
    search = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(X)
    brute.append(share_wrong(X, search.kneighbors(return_distance=False)))

figure, ax = plt.subplots(layout="constrained")
ax.semilogx(widths, brute, "o-", label="scikit-learn, brute force")
ax.semilogx(widths, ours, "s-", label="sampkit.neighbors.knn")
ax.set(xlabel="width of the clusters (distance 1000)", ylabel="share of wrong neighbours")
ax.legend()
plt.show()
