"""
Lines for every taste: lp norms and quantiles
=============================================

:class:`~sampkit.coreset.LpRegressor` fits any p from 1 up, and any quantile, and says how far its
loss can be from the minimum. Left: one straight line through points with outliers; p = 1 passes
them by, a large p is led by them. Right: quantiles of a heteroscedastic cloud, fitted on all 20000
rows (lines) and on 300 weighted ones (dots).
"""

import matplotlib.pyplot as plt
import numpy as np

from sampkit.coreset import CoresetRegressor, LewisWeightSampler, LpRegressor

rng = np.random.default_rng(2)
x = np.sort(rng.uniform(0, 10, 60))
y = 1 + 0.5 * x + rng.normal(scale=0.4, size=60)
y[-6:] += rng.uniform(4, 6, 6)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
left.plot(x, y, "o", color="0.7", ms=4)
for p, color in ((1, "#b4430f"), (1.5, "#d9a441"), (2, "0.2"), (10, "#1f5f99")):
    model = LpRegressor(p).fit(x[:, None], y)
    left.plot(x, model.predict(x[:, None]), color=color, label=f"p = {p}")
    print(f"p={p}: slope {model.coef_[0]:.3f}, certified gap {model.duality_gap_:.0e}")
left.set(title="Six outliers", xlabel="x", ylabel="y")
left.legend()

# %%
n = 20_000
x = rng.gamma(2.0, size=n)
y = x + (0.2 + 0.5 * x) * rng.standard_t(4, size=n)
X = x[:, None]
sampler = LewisWeightSampler(p=1, n_samples=300, target="Xy", random_state=0)
grid = np.linspace(0, 8, 9)[:, None]
right.plot(x[::10], y[::10], ".", color="0.8", ms=2)
for quantile, color in ((0.1, "#1f5f99"), (0.5, "0.2"), (0.9, "#b4430f")):
    full = LpRegressor(quantile=quantile).fit(X, y)
    few = CoresetRegressor(LpRegressor(quantile=quantile), sampler).fit(X, y)
    right.plot(grid, full.predict(grid), color=color, label=f"quantile {quantile}")
    right.plot(grid, few.predict(grid), "o", color=color, ms=4)
rows = few.coreset_indices_
right.plot(x[rows], y[rows], "x", color="0.35", ms=3, label="the 300 rows")
right.set(title="Lines: 20000 rows, dots: 300", xlabel="x", xlim=(0, 8.5), ylim=(-8, 22))
right.legend(loc="upper left")
plt.show()
