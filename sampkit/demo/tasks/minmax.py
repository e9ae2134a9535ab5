"""A filter in ten bits, a picture of four materials, a layer in three bits."""

from __future__ import annotations

from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from sampkit.demo import ACCENT, INK, QUIET, Context, Picture, Row, Task, TaskResult, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODE = """\
from sampkit.minmax import fir_minmax

rounded = fir_minmax(61, [0, .24, .4, .68, .84, 1], [0, 1, 0], bits=10, method="round")
chosen = fir_minmax(61, [0, .24, .4, .68, .84, 1], [0, 1, 0], bits=10, time_limit=2)
print(rounded.ripple_db, chosen.ripple_db)
"""

TEXT = """\
Three times the same problem: values may only come from a finite set, and the worst requirement \
counts. For the filter the values are integers of ten bits and the requirements a grid of \
frequencies; for the picture four grey levels and the measurements of a scanner with few \
directions and bounded noise; for the layer eight values a weight and the outputs for 1200 rows.

Rounding treats every value by itself. What is chosen together cancels. DART is the usual method \
of discrete tomography, GPTQ that of quantizing weights; both run here on the same data.

The picture has a prior beside the measurements (neighbouring pixels rarely differ). The minimum \
of the largest misfit alone would fit the noise, and be worse than rounding.
"""

BANDS, DESIRED = (0, 0.24, 0.4, 0.68, 0.84, 1), (0, 1, 0)


def run(context: Context) -> TaskResult:
    """Design, reconstruct and quantize, each beside what is usual."""
    quick = context.quick
    designs, filter_seconds = _filters(0.3 if quick else 3.0, context.seed)
    context.advance("a filter designed")
    scan = _scan(32 if quick else 64)
    pictures, scan_seconds = _pictures(scan, context.seed)
    context.advance("a phantom reconstructed")
    layer_row, data = _layer_row()
    context.advance("a layer quantized")
    error = {name: float(np.abs(image - scan[3]).mean()) for name, image in pictures.items()}
    rows = (
        Row("worst ripple of a 61-tap filter in ten bits, chosen instead of rounded",
            1e3 * designs["rounded"].ripple, 1e3 * designs["chosen"].ripple, "lower",
            filter_seconds, spec=".2f", unit="e-3", compare="ratio"),
        Row("error of a picture of four materials, against DART", error["DART"],
            error["min-max"], "lower", scan_seconds, spec=".2f", compare="ratio"),
        Row("the same, against the rounded real-valued reconstruction", error["rounded"],
            error["min-max"], "lower", spec=".2f", compare="ratio"),
        layer_row,
    )  # fmt: skip
    return TaskResult(
        rows, TEXT, (_filter_picture(designs), _scan_picture(scan[3], pictures)), data
    )


def _filters(seconds: float, seed: int) -> tuple[dict[str, Any], float]:
    from sampkit.minmax import fir_minmax

    rounded = fir_minmax(61, BANDS, DESIRED, bits=10, method="round")
    began = perf_counter()
    chosen = fir_minmax(61, BANDS, DESIRED, bits=10, time_limit=seconds, rng=seed)
    return {"rounded": rounded, "chosen": chosen}, perf_counter() - began


@cache
def _scan(size: int) -> tuple[Any, Any, Any, Any]:
    """Matrix, noisy sinogram, levels and the true picture."""
    from sampkit.minmax import make_ellipse_phantom, parallel_beam_matrix

    levels = np.linspace(0, 255, 4)
    picture = levels[make_ellipse_phantom(size, 4, 1)]
    A = parallel_beam_matrix(size, size // 2, size)
    noise = np.random.default_rng(101).uniform(-8, 8, A.shape[0]) * size
    return A, A @ picture.ravel() + noise, levels, picture


def _pictures(scan: tuple[Any, Any, Any, Any], seed: int) -> tuple[dict[str, Any], float]:
    from sampkit.minmax import reconstruct_discrete

    A, b, levels, picture = scan
    found = {}
    for name, method in (("rounded", "round"), ("DART", "dart"), ("min-max", "minmax")):
        began = perf_counter()
        result = reconstruct_discrete(A, b, levels, shape=picture.shape, method=method, rng=seed)
        found[name] = result.image
    return found, perf_counter() - began


def _layer_row() -> tuple[Row, str]:
    from sklearn.datasets import load_digits

    from sampkit.minmax import quantize_linear

    X = load_digits().data[:1200] / 16
    W = np.random.default_rng(0).standard_normal((16, 64)) * 0.1
    before = quantize_linear(X, W, bits=3, method="gptq").max_violation.mean()
    began = perf_counter()
    after = quantize_linear(X, W, bits=3, p=None).max_violation.mean()
    row = Row("largest change of an output of a layer in three bits, against GPTQ", before, after,
              "lower", perf_counter() - began, spec=".4f", compare="ratio")  # fmt: skip
    data = (
        "The filter's specification is all its data; the picture, twelve ellipses, is drawn from a "
        "seed. The layer is random, its inputs are 1200 handwritten digits: Alpaydin and Kaynak, "
        "UCI machine learning repository, as scikit-learn carries them (CC BY 4.0)."
    )
    return row, data


def _filter_picture(designs: dict[str, Any]) -> Picture:
    def draw() -> Figure:
        figure = new_figure(height=3.6)
        axes = figure.subplots()
        frequency = np.linspace(0, 1, 3000)
        for name, colour in (("rounded", QUIET), ("chosen", ACCENT)):
            amplitude = np.maximum(np.abs(designs[name].amplitude(frequency)), 1e-6)
            axes.plot(frequency, 20 * np.log10(amplitude), color=colour, lw=1.2,
                      label=f"{name}: {designs[name].ripple_db:.1f} dB")  # fmt: skip
        for low, high in ((0.24, 0.4), (0.68, 0.84)):
            axes.axvspan(low, high, color="#f3f0ea")
        axes.set(xlim=(0, 1), ylim=(-80, 5), xlabel="frequency / (fs/2)", ylabel="amplitude, dB")
        axes.set_title("Band-pass filter, 61 taps of ten bits")
        axes.legend(loc="center", bbox_to_anchor=(0.54, 0.45))
        return figure

    return Picture(
        "Response of the rounded and of the chosen taps. The shaded bands are left free.",
        "Line plot of the amplitude in decibels against frequency for two sets of taps.",
        draw,
    )


def _scan_picture(truth: Any, pictures: dict[str, Any]) -> Picture:
    def draw() -> Figure:
        figure = new_figure(height=1.9)
        panels = figure.subplots(1, 4)
        for axes, (name, image) in zip(panels, {"truth": truth, **pictures}.items(), strict=True):
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)
            error = "" if name == "truth" else f": {np.abs(image - truth).mean():.2f}"
            axes.set_title(name + error, color=ACCENT if name == "min-max" else INK)
            axes.set_axis_off()
        return figure

    return Picture(
        "A phantom of four materials and three reconstructions from the same noisy projections; "
        "the numbers are mean errors on a scale of 0 to 255.",
        "Four grey pictures side by side: truth, rounded, DART and min-max.",
        draw,
    )


TASK = Task(
    family="minmax",
    title="The worst case, from finite sets",
    question="What is gained by choosing values together instead of rounding each?",
    run=run,
    steps=3,
    code=CODE,
    order=70,
)
