"""
Three bits for a weight: the mean error and the worst one
=========================================================

A linear layer on the digits of scikit-learn, its weights cut down to three bits. GPTQ makes the
mean square of what changes small; :func:`~sampkit.minmax.quantize_linear` goes on to higher powers,
up to the largest change itself.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sampkit.minmax import QuantizedLinearClassifier, quantize_linear

data, labels = load_digits(return_X_y=True)
X, held_out = data[:1200] / 16, data[1200:] / 16
W = np.random.default_rng(0).standard_normal((16, 64)) * 0.1

methods = {
    "nearest": {"method": "rtn"},
    "GPTQ": {"method": "gptq"},
    "p = 4": {"p": 4},
    "maximum": {"p": None},
}
colours = dict(zip(methods, ("#a8a196", "#4a7284", "#1c1b19", "#b4430f"), strict=True))
found = {name: quantize_linear(X, W, bits=3, **options) for name, options in methods.items()}

# %%
# Every output of every calibration row: how much three bits change it. The maximum has the shortest
# tail, and pays for it in the middle.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for name, q in found.items():
    change = np.sort(np.abs(X @ (q.weight - W).T).ravel())
    left.plot(change, 1 - np.arange(change.size) / change.size, color=colours[name], label=name)
left.set(yscale="log", ylim=(3e-5, 1), xlim=(0, None), xlabel="change of an output",
         ylabel="share that changes more", title="Calibration rows")  # fmt: skip
left.legend()

places = np.arange(len(found))
for offset, rows, name in ((-0.2, X, "calibration"), (0.2, held_out, "held out")):
    worst = [np.abs(rows @ (q.weight - W).T).max(axis=0).mean() for q in found.values()]
    right.bar(places + offset, worst, 0.36, label=name,
              color="#b4430f" if name == "held out" else "#d9d4ca")  # fmt: skip
right.set_xticks(places, list(found))
right.set(
    ylabel="largest change, mean of 16 outputs", title="The worst case, and what is left of it"
)
right.grid(axis="x", visible=False)
right.legend()
plt.show()

# %%
# Held-out rows do not follow all the way: 1200 calibration rows are few for a maximum. That is why
# ``p`` is 4 unless you ask for more.
#
# In a classifier the largest change is a guarantee: no label of a training row flips whose two best
# scores are farther apart than twice as much.
full = LogisticRegression(C=0.05).fit(X, labels[:1200])
for bits in (2, 3, 4, 6):
    small = QuantizedLinearClassifier(LogisticRegression(C=0.05), bits=bits).fit(X, labels[:1200])
    flipped = np.mean(small.predict(X) != full.predict(X))
    print(
        f"{bits} bits, {small.quantized_.nbytes} bytes: flipped {flipped:.4f}, at most "
        f"{small.label_flip_bound_:.4f}; accuracy held out "
        f"{small.score(held_out, labels[1200:]):.3f} ({full.score(held_out, labels[1200:]):.3f})"
    )
