"""
The entropy path, its knee, and random subsets
==============================================

A proof sheet for a font: few lines of the Unicode code charts that show all scripts and all kinds
of characters. A line has up to 16 characters; the first word of a character's name is mostly its
script or its sort of symbol, its kind is the general category.
"""

import matplotlib.pyplot as plt
import numpy as np

from sampkit.datasets import load_unicode_chart
from sampkit.diversity import EntropyPathDisplay, GreedyMaximumEntropySampler

frame = load_unicode_chart().frame
gme = GreedyMaximumEntropySampler(n_select=600, item="line", on=["word", "kind"]).fit(frame)
print(f"{len(gme.items_)} lines; knee at {gme.suggest_size('knee')}, best at {gme.suggest_size()}")
gme.summary().T.round(3)

# %%
# Each pick brings the entropies closest to their maxima, the dotted lines. For some 20 lines nearly
# everything is new; after 117 a further line mostly repeats what is there, and entropies fall.
# Random subsets of the same sizes, beside it, show Chinese characters and Korean syllables.


def entropy_of(lines):
    """Both entropies of the characters on some lines."""
    shown = frame[frame["line"].isin(lines)]
    shares = [shown[name].value_counts(normalize=True) for name in ("word", "kind")]
    return [-np.sum(p * np.log(p)) for p in shares]


rng = np.random.default_rng(0)
sizes = [5, 10, 20, 40, 80, 120, 200, 300, 450, 600]
random = np.array(
    [[entropy_of(rng.choice(gme.items_, size, replace=False)) for size in sizes] for _ in range(8)]
)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
display = EntropyPathDisplay.from_estimator(gme, ax=left)
left.set_title("Greedy maximum entropy")
for v, line in enumerate(display.lines_):
    color = line.get_color()
    right.fill_between(
        sizes, random[:, :, v].min(0), random[:, :, v].max(0), color=color, alpha=0.25, linewidth=0
    )
    right.plot(sizes, random[:, :, v].mean(0), color=color, label=gme.variables_[v])
    right.axhline(gme.max_entropy_[v], color=color, linestyle=":", linewidth=1)
right.set(title="Random lines: mean and range of 8 draws", xlabel="items drawn", xlim=(0, None))
right.legend(loc="center right")
plt.show()

# %%
# The sheet itself, its first twelve lines.
for label in gme.items_[gme.ranking_[:12]]:
    words = frame.loc[frame["line"] == label, "word"].unique()
    print(label, ", ".join(words[:5]), "..." if len(words) > 5 else "")


# %%
# After 40 lines, how many scripts, sorts of symbols and kinds have been seen?
def seen(lines):
    return frame.loc[frame["line"].isin(lines), ["word", "kind"]].nunique()


draws = [seen(rng.choice(gme.items_, 40, replace=False)) for _ in range(20)]
print("greedy:", seen(gme.items_[gme.ranking_[:40]]).to_dict())
print("random, mean of 20:", (sum(draws) / len(draws)).to_dict())
