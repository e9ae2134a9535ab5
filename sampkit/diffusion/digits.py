"""A small real model for everybody: class-conditional diffusion of scikit-learn's digits."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.datasets import get_data_home, load_digits
from sklearn.neighbors import KNeighborsClassifier

from sampkit.diffusion._digits_network import N_CLASSES, N_PIXELS, NULL, Network, training
from sampkit.diffusion._teacher import teacher_trajectory
from sampkit.diffusion._torch import torch
from sampkit.diffusion.guidance import ClassifierFreeGuidance
from sampkit.diffusion.models import DiffusionModel
from sampkit.diffusion.schedules import DiscreteVPSchedule

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DigitsDenoiser"]

FORMAT = 1  # of what the cache holds: raised whenever the same parameters give another network


class DigitsDenoiser(BaseEstimator):
    """A class-conditional denoiser of scikit-learn's digits, trained in about a minute.

    A network large enough to have a network's errors and small enough for a laptop: what solvers,
    guidance and searches do to real samples can be seen without downloading anything.

    Parameters
    ----------
    width : int, default=192
        Hidden units of each layer, >= 1.
    n_blocks : int, default=3
        Residual blocks, >= 1.
    n_iterations : int, default=5000
        Steps of Adam, >= 1; the learning rate falls to 0 along a cosine.
    batch_size : int, default=256
        Rows a step, >= 1.
    learning_rate : float, default=1e-3
        Of Adam at the start, > 0.
    label_dropout : float, default=0.15
        Share of rows whose class is hidden, in [0, 1]: how the unconditional network is learnt.
    ema_decay : float, default=0.999
        Of the exponential average of the weights, in [0, 1).
    random_state : int, default=0
        Seed of initial weights, rows and noise.

    Attributes
    ----------
    model : DiffusionModel
        The trained network, predicting noise of states (B, 64). Its condition is a tensor (B,) of
        classes 0 to 9, or 10 for none; without a condition every row has none.
    schedule : DiscreteVPSchedule
        The linear schedule of 1000 steps.
    data_ : tensor of shape (1797, 64)
        The digits, pixels / 8 - 1, float32.
    target_ : tensor of shape (1797,)
        Their classes, int64.
    n_iter_ : int
        Steps made: fewer than `n_iterations` after an interruption.

    See Also
    --------
    DigitsDenoiser.load : Trained once, then read from a cache.

    Notes
    -----
    The published pictures are 32 and more pixels wide and their networks thousands of times larger;
    what is seen here is how methods compare, not how well they do on photographs.

    Examples
    --------
    >>> import torch
    >>> from sampkit.diffusion import DigitsDenoiser, UniPC, sample, time_grid
    >>> digits = DigitsDenoiser(width=16, n_blocks=1, n_iterations=20).fit()  # too short to be good
    >>> grid = time_grid(digits.schedule, 5, "time")
    >>> noise = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    >>> digits.to_images(sample(digits.model, noise, UniPC(2), grid)).shape
    (3, 8, 8)
    """

    def __init__(
        self,
        *,
        width: int = 192,
        n_blocks: int = 3,
        n_iterations: int = 5000,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        label_dropout: float = 0.15,
        ema_decay: float = 0.999,
        random_state: int = 0,
    ):
        self.width = width
        self.n_blocks = n_blocks
        self.n_iterations = n_iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.label_dropout = label_dropout
        self.ema_decay = ema_decay
        self.random_state = random_state

    @property
    def schedule(self) -> DiscreteVPSchedule:
        """The schedule of the network."""
        return DiscreteVPSchedule()

    def fit(self, X: Any = None, y: Any = None, *, progress: bool = False) -> DigitsDenoiser:
        """Train the network.

        Parameters
        ----------
        X : ignored
            Not used: the rows are scikit-learn's.
        y : ignored
            Not used.
        progress : bool, default=False
            Show a bar of tqdm.

        Returns
        -------
        DigitsDenoiser
            Itself. An interruption by the keyboard is passed on, with the network as it is then in
            `model`.

        Raises
        ------
        ValueError
            A parameter out of range.

        Notes
        -----
        The same on every run of one machine; other processors round differently. PyTorch's global
        generator is neither used nor moved.
        """
        self._check()
        self.__dict__.pop("_cache", None)  # what is there belongs to the network that was loaded
        self._prepare()
        generator = torch.Generator().manual_seed(int(self.random_state))
        network = self._new_network(generator)
        steps = training(
            network, self.data_, self.target_, self.schedule, generator,
            n_iterations=self.n_iterations, batch_size=self.batch_size,
            learning_rate=self.learning_rate, label_dropout=self.label_dropout,
            ema_decay=self.ema_decay,
        )  # fmt: skip
        average = network
        self.n_iter_ = 0
        try:
            for latest in _shown(steps, self.n_iterations, progress):
                average = latest
                self.n_iter_ += 1
        finally:
            self._settle(average)
        return self

    @classmethod
    def load(
        cls,
        *,
        data_home: str | os.PathLike[str] | None = None,
        progress: bool = False,
        **params: Any,
    ) -> DigitsDenoiser:
        """A trained network: from the cache, or trained now and put there.

        Parameters
        ----------
        data_home : path or None, default=None
            Folder of the cache; None: ``sampkit`` in `sklearn.datasets.get_data_home`.
        progress : bool, default=False
            Show a bar while training.
        **params : object
            Parameters of `DigitsDenoiser`.

        Returns
        -------
        DigitsDenoiser
            Fitted.

        Notes
        -----
        Processes that ask at the same time wait for the one that trains. Files: about 1 MB of
        weights for each set of parameters, and the teacher trajectories that were asked for.
        """
        from filelock import FileLock

        digits = cls(**params)
        digits._check()
        folder = Path(get_data_home()) / "sampkit" if data_home is None else Path(data_home)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"digits-{digits._key()}.npz"
        with FileLock(f"{file}.lock"):
            if not file.exists():
                digits.fit(progress=progress)
                _write(file, {k: v.numpy() for k, v in digits._network.state_dict().items()})
            else:
                digits._prepare()
                network = digits._new_network(torch.Generator())
                with np.load(file) as stored:
                    weights = {name: torch.from_numpy(stored[name]) for name in stored.files}
                network.load_state_dict(weights)
                digits.n_iter_ = digits.n_iterations
                digits._settle(network)
        digits._cache = folder, digits._key()
        return digits

    def guided(self, scale: float, **params: Any) -> ClassifierFreeGuidance:
        """The model under classifier-free guidance.

        Parameters
        ----------
        scale : float
            See `ClassifierFreeGuidance`.
        **params : object
            Its other parameters.

        Returns
        -------
        ClassifierFreeGuidance
        """
        return ClassifierFreeGuidance(self.model, scale, torch.tensor([NULL]), **params)

    def teacher(
        self, x: Tensor, grid: Any, cond: Tensor | None = None, *, scale: float = 1.0,
        n_steps: int = 999,
    ) -> list[Tensor]:  # fmt: skip
        """`teacher_trajectory` of this network, kept in the cache of a loaded one.

        Parameters
        ----------
        x : tensor of shape (B, 64)
            Start states.
        grid : array-like of shape (n + 1,)
            Nodes at which states are wanted.
        cond : tensor of shape (B,) or None, default=None
            Classes.
        scale : float, default=1
            Of the guidance; 1 is none. Without classes only 1.
        n_steps : int, default=999
            Steps of DDIM.

        Returns
        -------
        list of n + 1 tensors of shape (B, 64)

        Raises
        ------
        ValueError
            A scale without classes.
        """
        if cond is None and scale != 1:
            raise ValueError(f"scale must be 1 without classes in cond, got {scale!r}.")
        model = self.model if scale == 1 else self.guided(scale)
        cache = getattr(self, "_cache", None)
        if cache is None:
            return teacher_trajectory(model, x, grid, n_steps, cond=cond)
        nodes = np.asarray(grid, dtype=np.float64)
        classes = np.array([]) if cond is None else cond.numpy()
        folder, key = cache
        asked = _digest(key, x.detach().numpy(), nodes, classes, float(scale), int(n_steps))
        file = folder / f"digits-teacher-{asked}.npz"
        if file.exists():
            with np.load(file) as stored:
                return list(torch.from_numpy(stored["states"]).unbind())
        states = teacher_trajectory(model, x, grid, n_steps, cond=cond)
        _write(file, {"states": torch.stack(states).numpy()})
        return states

    def to_images(self, x: Tensor) -> np.ndarray:
        """Pictures of samples.

        Parameters
        ----------
        x : tensor of shape (B, 64)
            Samples.

        Returns
        -------
        ndarray of shape (B, 8, 8)
            Brightness in [0, 1].
        """
        grey: np.ndarray = ((x.detach().cpu().numpy() + 1) / 2).clip(0, 1).reshape(-1, 8, 8)
        return grey

    def classify(self, x: Tensor) -> np.ndarray:
        """Which digits samples show, by their three nearest real digits.

        Parameters
        ----------
        x : tensor of shape (B, 64)
            Samples.

        Returns
        -------
        ndarray of shape (B,)
            Classes, int64.
        """
        if not hasattr(self, "_neighbors"):
            self._neighbors = KNeighborsClassifier(3).fit(self.data_.numpy(), self.target_.numpy())
        found: np.ndarray = self._neighbors.predict(x.detach().cpu().numpy())
        return found

    # --- inside ----------------------------------------------------------------------------------

    def _check(self) -> None:
        for name in ("width", "n_blocks", "n_iterations", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an int >= 1, got {value!r}.")
        if not 0 < self.learning_rate < np.inf:
            raise ValueError(f"learning_rate must be > 0, got {self.learning_rate!r}.")
        if not 0 <= self.label_dropout <= 1:
            raise ValueError(f"label_dropout must be in [0, 1], got {self.label_dropout!r}.")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), got {self.ema_decay!r}.")
        if not isinstance(self.random_state, (int, np.integer)) or self.random_state < 0:
            raise ValueError(f"random_state must be an int >= 0, got {self.random_state!r}.")

    def _prepare(self) -> None:
        X, y = load_digits(return_X_y=True)
        self.data_ = torch.from_numpy((X / 8 - 1).astype(np.float32))
        self.target_ = torch.from_numpy(y.astype(np.int64))

    def _new_network(self, generator: torch.Generator) -> Network:
        """Fresh weights from the generator alone: layers draw theirs from the global one."""
        with torch.random.fork_rng(devices=[]):  # torch.manual_seed would reach all devices
            torch.default_generator.manual_seed(generator.initial_seed())
            return Network(self.width, self.n_blocks)

    def _settle(self, network: Network) -> None:
        self._network = network
        self.model = DiffusionModel(network.eval().requires_grad_(False), self.schedule, "eps")

    def _key(self) -> str:
        return _digest(FORMAT, N_PIXELS, N_CLASSES, *sorted(self.get_params().items()))


def _shown(steps: Any, n: int, progress: bool) -> Any:
    if not progress:
        return steps
    from tqdm.auto import tqdm

    return tqdm(steps, desc="training on digits", total=n, unit="step")


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        array = isinstance(part, np.ndarray)
        digest.update(f"{part.dtype.str}{part.shape}".encode() if array else repr(part).encode())
        digest.update(np.ascontiguousarray(part).tobytes() if array else b"")
    return digest.hexdigest()[:16]


def _write(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Whole or not at all."""
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as part:
            np.savez(part, allow_pickle=False, **arrays)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
