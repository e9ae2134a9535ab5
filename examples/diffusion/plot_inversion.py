"""
From a picture to its noise, and back
=====================================

DDIM without noise follows an ordinary differential equation, and that runs both ways: up a rising
grid it takes a picture to the noise it would be drawn from. What is done to the noise then is done
to the picture: a way from one noise to another is a way from digit to digit.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from sampkit.diffusion import DDIM, DigitsDenoiser, sample, time_grid

torch.set_num_threads(1)
digits = DigitsDenoiser.load(random_state=0)
model, schedule = digits.model, digits.schedule
pictures, classes = digits.data_[:10], digits.target_[:10]

# %%
# A grid from training step 20 to the last, up and down. Nearer to the data a trained network has
# little to go by (a pixel that never changes shows no noise at all), and its errors there would be
# blown up on the way to the noise.


def there(x, cond=None, steps=100):
    """The noise that pictures would be drawn from."""
    return sample(
        model, x, DDIM(), time_grid(schedule, steps, "time", t_end=20, reverse=True), cond=cond
    )


def back(z, cond=None, steps=100):
    """The pictures of noise."""
    return sample(model, z, DDIM(), time_grid(schedule, steps, "time", t_end=20), cond=cond)


noise = there(pictures)
again = back(noise)

figure, axes = plt.subplots(3, 10, figsize=(10, 3.4), layout="constrained")
shown = {"picture": pictures, "its noise": noise, "and back": again}
for row, (name, x) in zip(axes, shown.items(), strict=True):
    for cell, state in zip(row, x, strict=True):
        limit = 2.5 if name == "its noise" else 1
        cell.imshow(-state.reshape(8, 8), cmap="gray", vmin=-limit, vmax=limit)
        cell.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()

# %%
# The way back ends beside where it began, by an error of first order in the steps.
steps = [10, 20, 40, 80, 160, 320]
many = digits.data_[:200]
errors = [float((back(there(many, steps=n), steps=n) - many).square().mean().sqrt()) for n in steps]

figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ax.loglog(steps, errors, "o-", label="200 digits")
ax.loglog(steps, errors[-1] * steps[-1] / np.array(steps), ":", color="0.5", label="first order")
ax.set(xlabel="steps each way", ylabel="root mean square error of a pixel")
ax.set_xticks(steps, [str(n) for n in steps])
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# Half way between the pixels of two digits lies a double exposure, paler than any digit. Half way
# between their noises, on the sphere that noise lives on, lies the noise of a picture that has more
# of the contrast of a digit, and often is one. The class is left open on both ways.


def between(a, b, share):
    """A point of the great circle from one noise to another."""
    angle = torch.arccos(torch.dot(a, b) / (a.norm() * b.norm()))
    return (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)


shares = np.linspace(0, 1, 9)
pairs = [(0, 6), (1, 7), (3, 9)]
figure, axes = plt.subplots(2 * len(pairs), len(shares), figsize=(9, 6.4), layout="constrained")
for k, (i, j) in enumerate(pairs):
    mixed = torch.stack([(1 - s) * pictures[i] + s * pictures[j] for s in shares.tolist()])
    path = torch.stack([between(noise[i], noise[j], s) for s in shares.tolist()])
    for row, x, name in ((2 * k, mixed, "pixels"), (2 * k + 1, back(path), "noise")):
        for cell, state in zip(axes[row], x, strict=True):
            cell.imshow(-state.reshape(8, 8), cmap="gray", vmin=-1, vmax=1)
            cell.set(xticks=[], yticks=[])
        axes[row, 0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()

# %%
# The variance of the pixels of all digits, and half way between neighbours of the list:
first, second = digits.data_[:200:2], digits.data_[1:200:2]
noises = there(first), there(second)
half = torch.stack([between(a, b, 0.5) for a, b in zip(*noises, strict=True)])
print(f"digits            {float(digits.data_.var(1).mean()):.2f}")
print(f"between pixels    {float(((first + second) / 2).var(1).mean()):.2f}")
print(f"between noises    {float(back(half).var(1).mean()):.2f}")
