"""Plans without PyTorch: neither imported when it is there, nor missed when it is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

PLANS = """
import sys
{block}
import sampkit.diffusion as d
assert "UniPC" in dir(d)
schedule = d.DiscreteVPSchedule()
grid = d.time_grid(schedule, 8, "trailing", final="zero")
for solver in (d.DDIM(), d.DPMSolver(3), d.DEIS(3), d.UniPC(3), d.PNDM()):
    plan = solver.plan(schedule, grid)
    assert d.Plan.from_dict(plan.to_dict()) == plan
    d.gaussian_law(plan, 0.0, 1.0)
assert d.SolverComparisonDisplay.__name__ == "SolverComparisonDisplay"
ratios = d.CompensationRegressor.from_coefficients([0.0] * 8 + [1.0] + [0.0] * 27).predict(8, 3.0)
assert d.DynamicCompensation(d.UniPC(2), ratios).plan(schedule, grid).n_evals == 8
import sampkit.diffusion.search._evolution
assert d.SolverSchedule.from_solver(d.DDIM(), schedule, grid).plan(schedule).n_evals == 8
d.energy_distance([[0.0], [1.0]], [[0.0], [2.0]])
"""
BLOCK = """
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "{absent}":
            raise ImportError("No module named '{absent}'")
sys.meta_path.insert(0, Absent())
"""


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_plans_do_not_import_it():
    assert python(PLANS.format(block="") + "print('torch' in sys.modules)") == "False"


def test_plans_do_without_it():
    python(PLANS.format(block=BLOCK.format(absent="torch")))


@pytest.mark.parametrize(
    ("absent", "loads"),
    [
        (
            "torch",
            (
                "from sampkit.diffusion import sample",
                "from sampkit.diffusion import compare",
                "from sampkit.diffusion import sample_many",
                "import sampkit.diffusion.models",
                "from sampkit.diffusion import search_solver_schedule",
                "import sampkit.diffusion as d; d.DiffusionModel",
                "from sampkit.diffusion import TimeShift",
                "from sampkit.diffusion import adaptive_sample",
                "import sampkit.diffusion.interop",
                "from sampkit.diffusion import search_compensation",
                "from sampkit.diffusion import tune_dualfast",
            ),
        ),
        ("diffusers", ("from sampkit.diffusion.interop import PlanScheduler",)),
    ],
)
def test_what_needs_it_says_how_to_get_it(absent, loads):
    if absent == "diffusers":
        pytest.importorskip("torch")
    code = f"""
import sys
{BLOCK.format(absent=absent)}
for load in {loads!r}:
    try:
        exec(load)
    except ImportError as error:
        assert "pip install sampkit[diffusion]" in str(error), error
        assert isinstance(error.__cause__, ImportError)
    else:
        raise AssertionError(load)
"""
    python(code)
