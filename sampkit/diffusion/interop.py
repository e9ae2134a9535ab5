"""Plans inside diffusers' pipelines, and its networks as models here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import sampkit.diffusion.accelerate  # noqa: F401  (so that stored transforms are known)
from sampkit.diffusion._diffusers import EXCHANGEABLE, ConfigMixin, SchedulerMixin, SchedulerOutput
from sampkit.diffusion._diffusers_config import prediction_of, restored, schedule_of, stored
from sampkit.diffusion._diffusers_network import from_diffusers
from sampkit.diffusion._diffusers_plan import grid_of, numbers, place_of, rest_of, settled
from sampkit.diffusion._executor import normal_noise
from sampkit.diffusion._run import Run
from sampkit.diffusion._torch import torch
from sampkit.diffusion.grids import time_grid
from sampkit.diffusion.models import DiffusionModel
from sampkit.diffusion.plan import Plan, Row
from sampkit.diffusion.solvers import solver_from_dict

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PlanScheduler", "from_diffusers"]


class PlanScheduler(SchedulerMixin, ConfigMixin):
    """Any solver as a scheduler of diffusers.

    Parameters
    ----------
    solver : Solver or dict
        What makes the plans, or its `to_dict`.
    num_train_timesteps : int, default=1000
        Training steps of the network, >= 1.
    beta_start, beta_end : float, default=1e-4 and 0.02
        First and last noise rate.
    beta_schedule : {"linear", "scaled_linear", "squaredcos_cap_v2"}, default="linear"
        Rates between them, by diffusers' names.
    prediction_type : {"epsilon", "sample", "v_prediction"}, default="epsilon"
        What the network predicts, by diffusers' names.
    timestep_spacing : str, default="linspace"
        Any spacing of `time_grid`; "linspace", "leading" and "trailing" are diffusers'.
    steps_offset : int, default=0
        Added to the times of "leading".
    final : {"t_end", "zero"}, default="t_end"
        Where samples end: at training step 0, or at the clean data.
    postprocess : Clip, DynamicThreshold, callable, dict or None, default=None
        Applied to every data prediction.
    trained_betas : sequence of float or None, default=None
        The noise rates themselves; the other ones are not looked at then.
    rescale_betas_zero_snr : bool, default=False
        Rates moved so that no data is left at the last training step.

    Attributes
    ----------
    solver : Solver
        As given.
    schedule : DiscreteVPSchedule
        What the rates make.
    timesteps : tensor of shape (n_evals,)
        One time for every network call, stages included; after `set_timesteps`.
    sigmas : tensor of shape (n_evals + 1,)
        sigma / alpha of the states.
    init_noise_sigma : float
        1: pipelines start from standard normal noise.
    order : int
        1: every entry of `timesteps` is one call.

    Raises
    ------
    ValueError
        A parameter out of range.

    Notes
    -----
    The plan is worked out by `set_timesteps`, and again for what is left of the grid when the first
    `step` is in its middle (image to image), so that the warm-up of multistep solvers starts there;
    ``lower_order_final="auto"`` goes by the number of steps asked for.

    Examples
    --------
    >>> from diffusers import DDPMScheduler
    >>> from sampkit.diffusion import UniPC
    >>> from sampkit.diffusion.interop import PlanScheduler
    >>> before = DDPMScheduler(beta_schedule="scaled_linear")
    >>> scheduler = PlanScheduler.from_config(before.config, solver=UniPC(order=2))
    >>> scheduler.set_timesteps(timesteps=[900, 500, 100])
    >>> scheduler.timesteps
    tensor([900, 500, 100])
    >>> scheduler.config.beta_schedule, scheduler.config.solver["name"]
    ('scaled_linear', 'UniPC')
    """

    config_name = "scheduler_config.json"
    _compatibles = EXCHANGEABLE  # whose keys are carried along unread
    order = 1
    init_noise_sigma = 1.0

    def __init__(
        self,
        solver: Any,
        num_train_timesteps: int = 1000,
        beta_start: float = 1e-4,
        beta_end: float = 0.02,
        beta_schedule: str = "linear",
        prediction_type: str = "epsilon",
        timestep_spacing: str = "linspace",
        steps_offset: int = 0,
        final: str = "t_end",
        postprocess: Any = None,
        trained_betas: Sequence[float] | None = None,
        rescale_betas_zero_snr: bool = False,
    ):
        self.solver = solver_from_dict(solver) if isinstance(solver, dict) else solver
        if not (hasattr(self.solver, "plan") and hasattr(self.solver, "to_dict")):
            raise ValueError(
                "solver must have the methods plan(schedule, grid) and to_dict(), got "
                f"{type(solver).__name__}."
            )
        if final not in ("t_end", "zero"):
            raise ValueError(f"final must be 't_end' or 'zero', got {final!r}.")
        self.postprocess = restored(postprocess)
        betas = None if trained_betas is None else [float(beta) for beta in trained_betas]
        self.register_to_config(
            solver=self.solver.to_dict(),
            num_train_timesteps=num_train_timesteps,
            beta_start=beta_start,
            beta_end=beta_end,
            beta_schedule=beta_schedule,
            prediction_type=prediction_type,
            timestep_spacing=timestep_spacing,
            steps_offset=steps_offset,
            final=final,
            postprocess=stored(self.postprocess),
            trained_betas=betas,
            rescale_betas_zero_snr=rescale_betas_zero_snr,
        )
        self.schedule = schedule_of(self.config)
        self._model = DiffusionModel(_called_outside, self.schedule, prediction_of(self.config))
        self._forget()
        self._grid(2)  # refuses an unknown spacing now

    def __len__(self) -> int:
        return int(self.config.num_train_timesteps)

    def to_json_string(self) -> str:
        """The configuration as JSON.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            `postprocess` is a function of one's own.
        """
        kept = self.config["postprocess"]
        if kept is not None and not isinstance(kept, dict):
            raise ValueError(
                f"postprocess={kept!r} cannot be stored, only Clip and DynamicThreshold can: give "
                "it again to from_pretrained or from_config."
            )
        text: str = super().to_json_string()
        return text

    # --- before a run ----------------------------------------------------------------------------

    def _forget(self) -> None:
        self.num_inference_steps: int | None = None
        self.timesteps = torch.empty(0)
        self.sigmas = torch.empty(0)
        self._plan: Plan | None = None
        self._begin_index: int | None = None
        self._forget_run()

    def _forget_run(self) -> None:
        self._run: Run | None = None
        self._done = 0
        self._run_plan: Plan | None = None

    @property
    def begin_index(self) -> int | None:
        """Place in `timesteps` where the run began, None before the first step."""
        return self._begin_index

    @property
    def step_index(self) -> int | None:
        """Place in `timesteps` of the next call, None before the first step."""
        return None if self._run is None else (self._begin_index or 0) + self._done

    def _grid(self, n_steps: int) -> np.ndarray:
        own = getattr(self.solver, "grid", None)  # of a SolverSchedule
        config = self.config
        spacing, final = config.timestep_spacing, config.final
        grid = time_grid(
            self.schedule, n_steps, spacing, offset=config.steps_offset,
            final="zero" if final == "zero" else None,
        )  # fmt: skip
        return grid if own is None else np.asarray(own)

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        timesteps: Any = None,
        sigmas: Any = None,
    ) -> None:
        """Work out the plan; whatever a former run left is forgotten.

        Parameters
        ----------
        num_inference_steps : int or None, default=None
            Steps of the grid, >= 1.
        device : torch.device or None, default=None
            Where `timesteps` go.
        timesteps : sequence of float or None, default=None
            Instead of a number: the nodes themselves, training steps in falling order. Where the
            sample ends (`final`) is added.
        sigmas : sequence of float or None, default=None
            The nodes as sigma / alpha, falling; a 0 at the end is the clean data.

        Raises
        ------
        ValueError
            None of the three given or more than one, a grid that the solver cannot run on, or a
            solver schedule whose first output is given.
        """
        given = {"num_inference_steps": num_inference_steps, "timesteps": timesteps}
        given["sigmas"] = sigmas
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise ValueError(
                f"one of num_inference_steps, timesteps and sigmas must be given, got {named}."
            )
        if num_inference_steps is not None:
            grid = self._grid(num_inference_steps)
        else:
            end = -1.0 if self.config.final == "zero" else self.schedule.t_min
            grid = grid_of(self.schedule, timesteps, sigmas, end)
        plan = settled(self.solver, len(grid) - 1).plan(self.schedule, grid)
        if plan.first_is_given:
            raise ValueError(
                "first_output must be 'network' here: a pipeline calls its network at every "
                "entry of timesteps."
            )
        self._forget()
        self._plan, self.num_inference_steps = plan, len(grid) - 1
        times = plan.times
        whole = bool((times[:-1] == np.round(times[:-1])).all())
        dtype = torch.int64 if whole else torch.float32
        self.timesteps = torch.tensor(times[:-1].tolist(), dtype=dtype, device=device)
        with np.errstate(over="ignore"):
            ratios = np.exp(-np.asarray(self.schedule.lam(times)))
        self.sigmas = torch.tensor(ratios.tolist(), dtype=torch.float32)

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Say at which entry of `timesteps` the run begins.

        Parameters
        ----------
        begin_index : int, default=0
            In [0, n_evals).

        Raises
        ------
        ValueError
            No plan yet, or an entry at which the solver cannot begin.
        """
        plan = self._planned()
        if not 0 <= begin_index < plan.n_evals:
            raise ValueError(f"begin_index must be in [0, {plan.n_evals}), got {begin_index!r}.")
        self._forget_run()
        self._begin_index = int(begin_index)
        self._run_plan = rest_of(plan, self.solver, self._begin_index)

    def _planned(self) -> Plan:
        if self._plan is None:
            raise ValueError("no timesteps are set: call set_timesteps before step.")
        return self._plan

    # --- a run -----------------------------------------------------------------------------------

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """The sample as it is: states are what networks want.

        Parameters
        ----------
        sample : tensor
            A state.
        timestep : object, default=None
            Not looked at.

        Returns
        -------
        tensor
        """
        return sample

    def step(
        self,
        model_output: Tensor,
        timestep: Any,
        sample: Tensor,
        generator: Any = None,
        variance_noise: Tensor | None = None,
        return_dict: bool = True,
        **ignored: Any,
    ) -> Any:
        """From one state to the next.

        Parameters
        ----------
        model_output : tensor of shape (B, ...)
            The network's output; of twice as many channels, a learned variance is left out.
        timestep : int, float or tensor
            Entry of `timesteps`; looked at in the first step only.
        sample : tensor of shape (B, ...)
            State that the network saw. Neither it nor `model_output` is written to.
        generator : torch.Generator, a list of B of them, or None, default=None
            Source of the noise of stochastic rows.
        variance_noise : tensor or None, default=None
            That noise itself.
        return_dict : bool, default=True
            False: a tuple of one tensor.
        **ignored : object
            What other schedulers' steps take.

        Returns
        -------
        SchedulerOutput
            With `prev_sample`, of the dtype of `sample`.

        Raises
        ------
        ValueError
            Before `set_timesteps`, after the last step, at a time that is none of the entries, or
            for another shape than before.
        """
        plan = self._planned()
        if self._begin_index is None:
            self.set_begin_index(place_of(plan, timestep))
        if self._run is None:
            self._start(sample)
        run, i = self._run, self._done
        steps = self._run_plan
        assert run is not None
        assert steps is not None
        if i >= steps.n_evals:
            raise ValueError(f"all {plan.n_evals} steps are done: call set_timesteps before step.")
        if model_output.shape != sample.shape and model_output.shape[1] == 2 * sample.shape[1]:
            model_output = model_output[:, : sample.shape[1]]
        if not model_output.shape == sample.shape == self._shape:
            raise ValueError(
                f"model_output and sample must be of shape {tuple(self._shape)}, got "
                f"{tuple(model_output.shape)} and {tuple(sample.shape)}."
            )
        run.states[i] = sample.to(run.dtype)
        run.receive(i, model_output.to(run.dtype))
        run.advance(i, self._noise(steps.rows[i], run.states[i], generator, variance_noise))
        following = run.hand_out(i + 1).to(sample.dtype)
        self._done += 1
        if self._done == steps.n_evals:
            run.clear()
        return SchedulerOutput(prev_sample=following) if return_dict else (following,)

    def _start(self, sample: Tensor) -> None:
        assert self._run_plan is not None
        self._run = Run(self._model, sample, self._run_plan, postprocess=self.postprocess)
        self._shape = sample.shape

    def _noise(self, row: Row, like: Tensor, generator: Any, given: Tensor | None) -> Tensor | None:
        if not row.noise:
            return None
        if given is not None:
            return given.to(like)
        if isinstance(generator, (list, tuple)) and len(generator) == 1:
            generator = generator[0]
        return normal_noise(tuple(like.shape), like, generator)

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Any) -> Tensor:
        """Draw from the forward law.

        Parameters
        ----------
        original_samples, noise : tensor of shape (B, ...)
            Data and standard normal noise.
        timesteps : tensor of shape (B,) or (1,), or a number
            Training steps.

        Returns
        -------
        tensor of shape (B, ...)
        """
        times = np.asarray(numbers(timesteps))
        t = float(times.reshape(())) if times.size == 1 else times
        return self.schedule.add_noise(original_samples, noise, t)


def _called_outside(x: Tensor, t: Tensor) -> Tensor:
    raise RuntimeError("a PlanScheduler does not call the network: the pipeline does.")
