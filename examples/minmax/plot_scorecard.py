"""
A linear rule with whole points, and how bad it can get
=======================================================

Blood glucose progression from ten measurements, predicted by hand: every coefficient a whole number
between -5 and 5 times a unit per standard deviation. Rounding the coefficients of a least squares
fit is the obvious way. :class:`~sampkit.minmax.DiscreteChebyshevRegressor` looks for the whole
coefficients whose *largest* error is smallest, and says how much smaller it could possibly be.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from sampkit.minmax import DiscreteChebyshevRegressor, minmax_search

X, y = load_diabetes(return_X_y=True, as_frame=True)
Z = StandardScaler().set_output(transform="pandas").fit_transform(X)

UNIT = 8  # points of the disease score, per standard deviation
levels = UNIT * np.arange(-5, 6)


def midrange_fit(coef):
    """Intercept and largest error of a rule whose intercept is chosen for that error."""
    rest = y - Z @ coef
    return (rest.max() + rest.min()) / 2, (rest.max() - rest.min()) / 2


# %%
# Three rules. The last one needs a second; its lower bound is that of real coefficients in the same
# range, found by a linear programme.

least_squares = LinearRegression().fit(Z, y)
rounded = levels[np.abs(least_squares.coef_[:, None] - levels).argmin(axis=1)]
model = DiscreteChebyshevRegressor(levels, time_limit=1.0, random_state=0).fit(Z, y)

rules = {
    "least squares, rounded": (rounded, *midrange_fit(rounded)),
    "largest error smallest": (model.coef_, model.intercept_, model.max_residual_),
}
for name, (coef, _, worst) in rules.items():
    print(f"{name:>24}: largest error {worst:6.2f}, {(coef / UNIT).astype(int).tolist()}")
print(f"{'no rule can be below':>24}: {model.lower_bound_:20.2f}")

# %%
# Left: the two cards. Right: the sorted errors of both rules. The second one trades many small
# errors for its guarantee; a mean error is not what it promises.

COLOURS = {"least squares, rounded": "#8a8f98", "largest error smallest": "#1f6fb4"}
fig, (card, errors) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
height = 0.38
for side, (name, (coef, intercept, worst)) in zip((-1, 1), rules.items(), strict=True):
    at = np.arange(len(coef)) + side * height / 2
    card.barh(at, coef / UNIT, height, color=COLOURS[name], label=name)
    rest = np.sort(np.abs(y - Z @ coef - intercept))[::-1]
    errors.plot(np.arange(1, len(rest) + 1), rest, color=COLOURS[name], label=name)
    errors.annotate(
        f"{worst:.1f}",
        (1, worst),
        xytext=(0, 3),
        textcoords="offset points",
        color=COLOURS[name],
    )
card.set_yticks(range(Z.shape[1]), Z.columns)
card.invert_yaxis()
card.axvline(0, color="black", linewidth=0.8)
card.set(xlabel="points per standard deviation", title="The cards")
card.legend(frameon=False, fontsize=8)
errors.axhline(model.lower_bound_, color="black", linestyle=":", linewidth=1)
errors.annotate(
    "lower bound",
    (len(y), model.lower_bound_),
    xytext=(0, 3),
    textcoords="offset points",
    ha="right",
    fontsize=8,
)
errors.set(xscale="log", xlabel="people, worst first", ylabel="error", title="Sorted errors")
errors.set_ylim(0, 165)
errors.legend(frameon=False, fontsize=8, loc="lower left")

# %%
# How the search got there
# ------------------------
#
# A result carries its history: seconds and objective whenever the best known one fell. Here for a
# layer of random weights on digits, 64 weights at 8 levels each, from three seeds.

from sklearn.datasets import load_digits

A = load_digits().data[:1200] / 16
w = np.random.default_rng(0).standard_normal(64) * 0.1
grid = np.linspace(w.min(), w.max(), 8)

fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for seed, colour in zip(range(3), ("#1f6fb4", "#d1702c", "#3a9366"), strict=True):
    found = minmax_search(A, A @ w, grid, start=w, time_limit=2.0, rng=seed)
    seconds, objective = np.array(found.history).T
    ax.step(
        np.append(seconds, found.seconds),
        np.append(objective, objective[-1]),
        where="post",
        color=colour,
        label=f"seed {seed}: {found.objective:.4f}",
    )
ax.set(xlabel="seconds", ylabel="largest residual", title="Objective against time")
ax.legend(frameon=False)
plt.show()
