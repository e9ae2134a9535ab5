"""
New rows for a table of numbers and categories
==============================================

Abalone shells have a sex, which cannot be interpolated, and seven measurements, which can. SMOTE-
NC interpolates the numbers and lets the neighbours vote on the sex. The data frame that comes out
has the dtypes that went in.
"""

import matplotlib.pyplot as plt
import numpy as np

from sampkit.datasets import load_abalone
from sampkit.over_sampling import SMOTENC, RandomOverSampler, over_percent

X, y = load_abalone(return_X_y=True, as_frame=True)
rare = y.value_counts().idxmin()
nominal = [name for name in X if X[name].dtype.kind not in "iuf"]
print(f"{len(X)} shells, {int((y == rare).sum())} of the rare class; nominal: {nominal}")

smote = SMOTENC(nominal, sampling_strategy=over_percent(1000), random_state=0)
X_res, y_res = smote.fit_resample(X, y)
assert (X_res.dtypes == X.dtypes).all()

# %%
# Two measurements of the rare shells, old and new, and the shares of the sexes among them.

numeric = [name for name in X if name not in nominal]
first, second = numeric[0], numeric[-1]
old, new = X[y == rare], X_res[len(X) :]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
left.scatter(X[first], X[second], s=5, color="0.85", label="all shells")
left.scatter(new[first], new[second], s=14, facecolors="none", edgecolors="C1", label="new")
left.scatter(old[first], old[second], s=22, color="C0", label="rare class")
left.set(xlabel=first, ylabel=second, title="Numbers are interpolated")
left.legend()

levels = sorted(X[nominal[0]].unique())
place = np.arange(len(levels))
copies, _ = RandomOverSampler(sampling_strategy=over_percent(1000), random_state=0).fit_resample(
    X, y
)
for shift, (label, rows) in enumerate(
    {"rare class": old, "new, by vote": new, "copies": copies[len(X) :]}.items()
):
    shares = rows[nominal[0]].value_counts(normalize=True).reindex(levels, fill_value=0)
    right.bar(place + 0.27 * (shift - 1), shares, width=0.25, label=label)
right.set(xticks=place, xticklabels=levels, ylabel="share", title=f"{nominal[0]} is voted on")
right.legend()
plt.show()

# %%
# A vote favours what is frequent: the commonest value among five neighbours wins, so minorities
# within the rare class shrink. Copies keep the shares. This is how the paper's SMOTE-NC works;
# look at it before you use nominal columns of many levels.
