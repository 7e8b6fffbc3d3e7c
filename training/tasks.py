"""What `training.train` can train: how to create each network, what it predicts for a batch, and its losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from spherelinks.generation.lift.files import FOLDER, LIFT
from spherelinks.generation.lift.layout import COARSE, UNIT
from training import losses
from training.batches import Views
from training.export import exported
from training.farsides import FarSides
from training.networks.gate import Gate
from training.networks.lift import Network
from training.networks.velocity import Velocity

Batch = dict[str, Tensor]  # as `training.batches` makes it
Parts = dict[str, Tensor]  # scalars


@dataclass(frozen=True)
class Task:
    """
    make : creates the untrained network
    ends : what the names of parameters outside the trunk contain
    predict : of a network and a batch, what `losses` and `figures` compare with the batch
    losses : one for each of `weights`; figures : further metrics for the curves
    views : what batches are drawn from
    resident : whether a GPU can hold the views and make the batches itself
    strict : whether weights to start from must be those of the whole network
    """

    make: Callable[[], nn.Module]
    ends: tuple[str, ...]
    predict: Callable[[nn.Module, Batch], dict[str, Tensor]]
    losses: Callable[[dict[str, Tensor], Batch], Parts]
    weights: dict[str, float]
    figures: Callable[[dict[str, Tensor], Batch], Parts]
    views: type[Views] = Views
    resident: bool = True
    strict: bool = True


def lift(device: torch.device) -> Task:
    """`lift`'s network, which predicts everything in one pass."""

    def predict(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        predicted: dict[str, Tensor] = network(batch["x"].contiguous(memory_format=torch.channels_last))
        return predicted

    return Task(Network, Network.ends, predict, losses.losses, losses.WEIGHTS, losses.camera_errors)


def lite(device: torch.device) -> Task:
    """The same with an encoder that was trained on photographs."""
    from training.networks.pretrained import Pretrained

    return replace(lift(device), make=lambda: Pretrained(pretrained=True), ends=Pretrained.ends, strict=False)


def flow(device: torch.device) -> Task:
    """The sampler, trained on the installed network's predictions; see `training.networks.velocity`."""
    frozen = Network().to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    frozen.load_state_dict(exported(FOLDER / LIFT.weights))

    def fine(maps: dict[str, Tensor]) -> Tensor:
        """(B, STATE, S, S): the maps that the sampler corrects."""
        return torch.cat([maps["thickness"][:, None], functional.interpolate(maps["back"], scale_factor=2.0)], 1)

    def averaged(maps: Tensor, seen: Tensor) -> Tensor:
        """Means over the object's pixels in each pixel of the state; 0 where there are none."""
        share = functional.avg_pool2d(seen[:, None], COARSE)
        return functional.avg_pool2d(maps * seen[:, None], COARSE) / share.clamp(min=1e-3)

    def predict(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        x = batch["x"].contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            predicted = frozen(x)
        truth, answer = fine(batch), fine(predicted)
        data = averaged(truth - answer, batch["seen"]).clamp(-4 * UNIT, 4 * UNIT) / UNIT
        noise = torch.randn_like(data)
        time = torch.rand(len(data), device=data.device)
        state = noise.lerp(data, time[:, None, None, None])
        maps = (predicted[name] for name in ("front", "thickness", "profile", "back"))
        return {"velocity": network(state, time, x, *maps), "wanted": data - noise}

    def errors(predicted: dict[str, Tensor], batch: Batch) -> Parts:
        share = functional.avg_pool2d(batch["seen"][:, None], COARSE)
        error = (predicted["velocity"] - predicted["wanted"]) ** 2 * share
        return {"thicker": error[:, 0].sum() / share.sum(), "back": error[:, 1:].mean(1).sum() / share.sum()}

    return Task(Velocity, Velocity.ends, predict, errors, {"thicker": 1.0, "back": 1.0}, lambda predicted, batch: {})


def gate(device: torch.device) -> Task:
    """The network that chooses which part of the picture the far side shows."""

    def predict(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        shares = network(batch["x"].contiguous(memory_format=torch.channels_last)).float()
        shares = functional.interpolate(shares, scale_factor=2.0, mode="bilinear")
        return {"far": (batch["sources"] * shares[:, :, None]).sum(1)}

    def soft(colors: Tensor, seen: Tensor) -> Tensor:
        share = functional.avg_pool2d(seen[:, None], 13, 1, 6).clamp(min=1e-3)
        return functional.avg_pool2d(colors * seen[:, None], 13, 1, 6) / share

    def steps(colors: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Mean difference between neighbouring pixels in each 8 x 8 cell, and the number of neighbours compared."""
        found, count = torch.zeros_like(seen), torch.zeros_like(seen)
        for axis in (1, 2):
            size = seen.shape[axis] - 1
            both = seen.narrow(axis, 0, size) * seen.narrow(axis, 1, size)
            step = (colors.narrow(axis + 1, 1, size) - colors.narrow(axis + 1, 0, size)).abs().mean(1)
            found.narrow(axis, 0, size).add_(step * both)
            count.narrow(axis, 0, size).add_(both)
        found, count = (functional.avg_pool2d(m[:, None], 8)[:, 0] for m in (found, count))
        return found / count.clamp(min=1e-3), count

    def share(error: Tensor, weight: Tensor) -> Tensor:
        """Weighted mean over each view, then the mean over the views."""
        return ((error * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1e-3)).mean()

    def errors(predicted: dict[str, Tensor], batch: Batch) -> Parts:
        far, truth, seen = predicted["far"], batch["far"], batch["seen"]
        (mine, count), (theirs, _) = steps(far, seen), steps(truth, seen)
        return {
            "far": share((far - truth).abs().mean(1), seen),
            "soft": share((soft(far, seen) - soft(truth, seen)).abs().mean(1), seen),
            "steps": share((mine - theirs).abs(), count),
        }

    def figures(predicted: dict[str, Tensor], batch: Batch) -> Parts:
        seen = batch["seen"]
        guess = batch["sources"][:, 0]
        (mine, count), (theirs, _) = steps(predicted["far"], seen), steps(batch["far"], seen)
        return {
            "guess": share((guess - batch["far"]).abs().mean(1), seen),
            "variation": share(mine, count) / share(theirs, count),
        }

    return Task(Gate, Gate.ends, predict, errors, {"far": 1.0, "soft": 1.0, "steps": 1.5}, figures, FarSides, False)


TASKS: dict[str, Callable[[torch.device], Task]] = {"lift": lift, "lite": lite, "flow": flow, "gate": gate}
