"""The network behind `DigitsDenoiser`, and how it is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.diffusion._torch import torch
from sampkit.diffusion.schedules import DiscreteVPSchedule

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Network", "training"]

N_PIXELS, N_CLASSES, N_FREQUENCIES = 64, 10, 32
NULL = N_CLASSES  # the class of a call without condition


class Network(torch.nn.Module):
    """Residual blocks on 64 numbers that see the time and the class."""

    def __init__(self, width: int, n_blocks: int):
        super().__init__()
        self.enter = torch.nn.Linear(N_PIXELS, width)
        self.of_time = torch.nn.Sequential(
            torch.nn.Linear(2 * N_FREQUENCIES, width),
            torch.nn.SiLU(),
            torch.nn.Linear(width, width),
        )
        self.of_class = torch.nn.Embedding(N_CLASSES + 1, width)
        self.blocks = torch.nn.ModuleList(
            torch.nn.Sequential(
                torch.nn.Linear(width, width), torch.nn.SiLU(), torch.nn.Linear(width, width)
            )
            for _ in range(n_blocks)
        )
        self.leave = torch.nn.Linear(width, N_PIXELS)
        self.frequencies: Tensor
        rates = torch.exp(-math.log(1e4) * torch.arange(N_FREQUENCIES) / N_FREQUENCIES)
        self.register_buffer("frequencies", rates, persistent=False)

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """Noise in x at training indices t of shape (B,)."""
        dtype = self.enter.weight.dtype
        angles = t[:, None].to(dtype) * self.frequencies
        context = self.of_time(torch.cat([angles.sin(), angles.cos()], dim=1))
        if cond is None:
            cond = torch.full(x.shape[:1], NULL, device=x.device)
        context = context + self.of_class(cond)
        h = self.enter(x.to(dtype))
        for block in self.blocks:
            h = h + block(h + context)
        return self.leave(torch.nn.functional.silu(h + context)).to(x.dtype)


def training(
    network: Network,
    data: Tensor,
    target: Tensor,
    schedule: DiscreteVPSchedule,
    generator: torch.Generator,
    *,
    n_iterations: int,
    batch_size: int,
    learning_rate: float,
    label_dropout: float,
    ema_decay: float,
) -> Iterator[Network]:
    """Averaged networks, one after every iteration of Adam on the error of the noise."""
    network.train()
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(ema_decay)
    )
    optimizer = torch.optim.Adam(network.parameters(), learning_rate, fused=True)
    falling: Any = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_iterations)
    log_alpha = torch.from_numpy(schedule.log_alpha(np.arange(schedule.num_train_steps)))
    slope = log_alpha.diff()
    for _ in range(n_iterations):
        rows = torch.randint(len(data), (batch_size,), generator=generator)
        t = torch.rand(batch_size, generator=generator, dtype=torch.float64) * len(slope)
        node = t.long().clamp(max=len(slope) - 1)
        level = (log_alpha[node] + slope[node] * (t - node))[:, None]  # linear between the nodes
        noise = torch.randn(batch_size, N_PIXELS, generator=generator)
        dropped = torch.rand(batch_size, generator=generator) < label_dropout
        cond = torch.where(dropped, NULL, target[rows])
        x = level.exp() * data[rows] + (-(2 * level).expm1()).sqrt() * noise
        x = x.to(data.dtype)
        loss = torch.nn.functional.mse_loss(network(x, t, cond), noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        falling.step()
        average.update_parameters(network)
        yield average.module
