"""
Coverage or balance: the order of the entropy
=============================================

The order q says how much a rare category counts: 0 counts categories met, 1 is Shannon's entropy, 2
looks at the common ones. All are ranked by the same engine, on the lines of the Unicode charts.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sampkit.datasets import load_unicode_chart
from sampkit.diversity import greedy_max_entropy

frame = load_unicode_chart().frame
counts = [pd.crosstab(frame["line"], frame[name]).to_numpy() for name in ("word", "kind")]

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for order, color in {0: "tab:blue", 1: "tab:orange", 2: "tab:green"}.items():
    ranking, _, _ = greedy_max_entropy(counts, 300, order=order)
    pooled = np.cumsum(counts[0][ranking], axis=0)
    shares = pooled / pooled.sum(axis=1, keepdims=True)
    effective = np.exp(-np.sum(shares * np.log(np.where(shares > 0, shares, 1)), axis=1))
    picks = np.arange(1, len(ranking) + 1)
    axes[0].plot(picks, (pooled > 0).sum(axis=1), color=color, label=f"order {order}")
    axes[1].plot(picks, effective, color=color, label=f"order {order}")
axes[0].axhline(counts[0].shape[1], color="0.4", linestyle=":", label="all words")
axes[0].set(xlabel="lines", ylabel="words covered", title="Coverage")
axes[1].set(xlabel="lines", ylabel="effective number of words", title="Balance: exp(Shannon)")
for ax in axes:
    ax.legend(loc="lower right")
plt.show()

# %%
# Order 0 meets new words soonest. Once all have been met every line ties with every other, the
# ranking follows the positions, and balance is lost. Order 1 gives up some coverage for balance,
# here also of the kinds; order 2 cares about common words and waits longest for the rare ones.
#
# Limits belong to the same call: what is there already, at most one line of a script, and costs.
first_word = frame.groupby("line")["word"].agg(lambda words: words.value_counts().index[0])
ranking, path, _ = greedy_max_entropy(
    counts, 12, initial=[2, 3, 4], strata=first_word.to_numpy(), quotas=1
)
print(first_word.iloc[ranking].tolist())
