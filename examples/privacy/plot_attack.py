"""
Which attribute was sampled? An audit of RS+FD
==============================================

RS+FD hides which attribute a report is about. How well, the best possible guess tells: its
probability for every report, on Nursery with the published calibration. The same guess with the
"matched" protocol, whose noise follows the same law as the fake data, is a blind one.
"""

import warnings

import matplotlib.pyplot as plt

from sampkit.datasets import load_nursery
from sampkit.privacy import (
    LDPClient,
    LDPSchema,
    PrivacyAccountant,
    PrivacyWarning,
    plot_attack,
    plot_budget,
    sampled_attribute_posterior,
)

nursery = load_nursery(multiclass=True, as_frame=True)
frame = nursery.data.assign(verdict=nursery.target.astype("category"))
domain = {name: list(frame[name].cat.categories) for name in frame}
truth = [
    frame[name].value_counts(normalize=True).reindex(domain[name]).to_numpy() for name in domain
]
warnings.simplefilter("ignore", PrivacyWarning)  # the budget below says it

schemas = {
    "grr": LDPSchema(domain, 1.0, protocol="grr", calibration="paper"),
    "oue-z": LDPSchema(domain, 1.0, protocol="oue-z", calibration="paper"),
    "sue-z, epsilon 5": LDPSchema(domain, 5.0, protocol="sue-z", calibration="paper"),
    "matched": LDPSchema(domain, 1.0, protocol="matched", prior=truth, calibration="paper"),
}

# %%
figure, axes = plt.subplots(2, 2, figsize=(11, 7), sharex=True, layout="constrained")
for ax, (name, schema) in zip(axes.flat, schemas.items(), strict=True):
    reports = LDPClient(schema, random_state=0).privatize_many(frame)
    plot_attack(sampled_attribute_posterior(schema, reports, truth), ax)
    ax.set_title(f"{name}: {ax.get_title(loc='left').lower()}", loc="left")
plt.show()

# %%
# What these reports cost, booked at what they really cost a whole record:
accountant = PrivacyAccountant(6.0)
for name in ("grr", "oue-z"):
    accountant.spend(schemas[name], label=f"{name}, stated epsilon 1")
plot_budget(accountant)
plt.show()
