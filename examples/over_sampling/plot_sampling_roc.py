"""
How much over-sampling, how much under-sampling?
================================================

The SMOTE paper's experiment on one of its own tables, Satimage: a decision tree trained after
SMOTE at N % and under-sampling at U %, each mix a point in ROC space. Only the points on the
convex hull are the best choice for some costs.
"""

import matplotlib.pyplot as plt
from sklearn.tree import DecisionTreeClassifier

from sampkit.datasets import load_satimage
from sampkit.metrics import (
    SamplingROCDisplay,
    optimal_operating_point,
    roc_auc_points,
    sampling_roc,
)

X, y = load_satimage(return_X_y=True)
tree = DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, random_state=0)
points = sampling_roc(
    tree, X, y, over=(0, 100, 300), under=(25, 50, 100, 200, 400, 1000), cv=5, random_state=0
)

# %%
# A missed rare row is taken to cost ten times a false alarm.
prevalence = float((y == 1).mean())
SamplingROCDisplay.from_frame(points, prevalence=prevalence, cost_fn=10).plot()
plt.show()

# %%
index, cost = optimal_operating_point(
    points["fpr"], points["tpr"], prevalence=prevalence, cost_fn=10
)
print(
    f"best mix for these costs: {points.loc[index, ['over', 'under']].to_dict()}, cost {cost:.4f}"
)
for over, curve in points.groupby("over"):
    print(f"SMOTE {over:>3} %: AUC {roc_auc_points(curve['fpr'], curve['tpr']):.4f}")
