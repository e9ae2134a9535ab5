"""
=====================================================
Recall from SMOTE, probabilities from the real shares
=====================================================

A classifier that was trained on a balanced table believes that the world is balanced: it finds more
of the rare class, and its probabilities are far too high.  ``prior_correction=True`` of
:class:`~sampkit.compose.ResampledClassifier` divides that belief out again.  This example shows on
Landsat pixels what re-sampling gains, what it does to the probabilities, when the correction
brings them back, and when it does not.
"""

# %%
# The data
# --------
# Ten pixels in a hundred show damp grey soil, the class of interest.  Rows that follow each other
# are neighbours on the ground, hence the shuffled folds.

from sklearn.model_selection import StratifiedKFold

from sampkit.datasets import load_satimage

X, y = load_satimage(return_X_y=True)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
print(f"{len(y)} pixels, {y.mean():.1%} of them damp grey soil")

# %%
# Three ways to train, two kinds of model
# ---------------------------------------
# One smooth model (logistic regression on kernel features) and one flexible model (boosted trees).
# Re-sampling happens inside ``fit``: the folds that are predicted hold real pixels only.

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sampkit.compose import ResampledClassifier
from sampkit.over_sampling import SMOTE

estimators = {
    "kernel logistic regression": make_pipeline(
        Nystroem(gamma=0.03, random_state=0), LogisticRegression(max_iter=500)
    ),
    "boosted trees": HistGradientBoostingClassifier(random_state=0),
}
training = {
    "as it is": {},
    "SMOTE": {"sampler": SMOTE(random_state=0)},
    "SMOTE, prior corrected": {"sampler": SMOTE(random_state=0), "prior_correction": True},
}
probability = {
    (kind, way): cross_val_predict(
        make_pipeline(StandardScaler(), ResampledClassifier(estimator, **options)),
        X,
        y,
        cv=folds,
        method="predict_proba",
    )[:, 1]
    for kind, estimator in estimators.items()
    for way, options in training.items()
}

# %%
# What is gained and what it costs
# --------------------------------
# SMOTE moves the operating point: more of the rare class is found, at lower precision.  The ranking
# (ROC AUC) barely changes, and the correction leaves it alone within each fold.  The mean
# probability tells the rest: it should be the share of the class.

pd.DataFrame(
    {
        key: {
            "recall": recall_score(y, p > 0.5),
            "precision": precision_score(y, p > 0.5),
            "ROC AUC": roc_auc_score(y, p),
            "mean probability": p.mean(),
            "Brier score": brier_score_loss(y, p),
        }
        for key, p in probability.items()
    }
).T.round(3)

# %%
# Are the probabilities true?
# ---------------------------
# Of all pixels that were given a probability of 0.6, six in ten should be damp grey soil: a point
# on the diagonal.

import matplotlib.pyplot as plt
from sklearn.calibration import calibration_curve

style = {
    "as it is": {"color": "0.45", "marker": "s", "ls": "--"},
    "SMOTE": {"color": "tab:orange", "marker": "^"},
    "SMOTE, prior corrected": {"color": "tab:blue", "marker": "o"},
}
fig, axes = plt.subplots(1, 2, figsize=(10, 4.8), sharey=True, layout="constrained")
for ax, kind in zip(axes, estimators, strict=True):
    ax.plot([0, 1], [0, 1], color="k", lw=0.8, label="true probabilities")
    for way in training:
        observed, given = calibration_curve(y, probability[kind, way], n_bins=8)
        ax.plot(given, observed, label=way, ms=5, **style[way])
    ax.set(title=kind, xlabel="mean probability given", aspect="equal")
axes[0].set_ylabel("share of damp grey soil observed")
axes[0].legend(loc="upper left")
plt.show()

# %%
# The correction is Bayes' rule for classes whose densities re-sampling leaves alone.  The smooth
# model comes back to the diagonal, about as near to it as without re-sampling.  The probabilities
# of the trees had hardly risen: a flexible model can fit the synthetic rows without moving at the
# real ones, and to take the shift out of what never shifted pushes it below the truth.  There, use
# the model uncorrected, or learn the calibration from held-out folds with
# :class:`sklearn.calibration.CalibratedClassifierCV`.
