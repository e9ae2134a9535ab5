"""Solvers: each is a small file that turns a grid into rows."""

from __future__ import annotations

from sampkit.diffusion.solvers._solver import Solver, solver_from_dict
from sampkit.diffusion.solvers.ddim import DDIM, DDPM, ddim_row
from sampkit.diffusion.solvers.deis import DEIS
from sampkit.diffusion.solvers.dpm import DPMSolver
from sampkit.diffusion.solvers.pndm import PNDM
from sampkit.diffusion.solvers.unipc import UniPC

__all__ = [
    "DDIM",
    "DDPM",
    "DEIS",
    "PNDM",
    "DPMSolver",
    "Solver",
    "UniPC",
    "ddim_row",
    "solver_from_dict",
]
