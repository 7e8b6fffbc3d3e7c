"""Plot a run's curves: `python -m training.curve run/curve.csv docs/images/lift_training.png`"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

SHOWN = {
    "front": "depth of the visible surface\n(L1, share of the object's size)",
    "thickness": "thickness (L1)",
    "thicker": "sampler: thickness\n(squared error of the velocity)",
    "profile": "occupancy along the ray (BCE)",
    "back": "colour of the far side\n(L1; sampler: squared error)",
    "degrees": "elevation (mean error, degrees)",
    "field": "field of view (mean relative error)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("curve", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument(
        "--marks", type=float, nargs="*", default=[], help="draw a line where the run changed, in thousands of views"
    )
    a = parser.parse_args()
    with a.curve.open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    samples = [row["samples"] / 1000 for row in rows]
    shown = {name: title for name, title in SHOWN.items() if name in rows[0]}
    down, across = -(-len(shown) // 3), min(len(shown), 3)
    figure, axes = plt.subplots(down, across, figsize=(3.4 * across, 2.6 * down), constrained_layout=True)
    for ax, (name, title) in zip(axes.flat, shown.items(), strict=False):
        ax.plot(samples, [row[name] for row in rows], color="C0", label="validation objects")
        if f"train {name}" in rows[0]:
            ax.plot(samples, [row[f"train {name}"] for row in rows], color="C1", label="training, augmented")
        for mark in a.marks:
            ax.axvline(mark, color="0.5", linestyle=":")
        ax.set_yscale("log")  # most is learned from the first views
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        ax.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("views seen (thousands)", fontsize=8)
        ax.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=8)
    figure.savefig(a.picture, dpi=110)


if __name__ == "__main__":
    main()
