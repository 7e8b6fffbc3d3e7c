"""Train `lift`, or on its outputs the sampler of `lift-flow` and the gate of the far side:

    python -m training.train --data data --out run --minutes 60
    python -m training.train flow --data data --out flow --minutes 20
    python -m training.train gate --data data --out gate --minutes 14
    python -m training.train lite --data data --out lite --minutes 60 --from-weights FILE

A run stops after the given minutes; run again, it continues from the last checkpoint, even with data of another size.
The learning rate decays over the last part of that time, so ask for as long as the run is to last and let it finish.
For several processes or GPUs: `torchrun --nproc-per-node N -m training.train ...`. On busy cores, two processes of one
thread each are faster than one process with two threads.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.utils.data import DataLoader

from training.batches import Batches
from training.export import exported
from training.resident import Resident
from training.tasks import TASKS, Batch, Task

RATES = (0.007, 8e-4)  # of Muon and of Adam; at three times these, the loss stalls in its own noise
DECAY = 0.9  # last share of the run, over which the rates decay to 0
WARM = 50  # first steps, over which they rise


class Muon(torch.optim.Optimizer):
    """SGD with momentum whose updates are orthogonalised, so that all directions of a weight matrix learn equally fast.

    Jordan et al. 2024, https://kellerjordan.github.io/posts/muon, with five Newton-Schulz iterations. A convolution is
    treated as a matrix of output channels by everything else.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """With several processes, each computes its share of the updates and sends it to the others."""
        rank, world = (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)
        for group in self.param_groups:
            alike: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for i, p in enumerate(group["params"]):
                state = self.state[p]
                if not state:
                    state["m"] = torch.zeros_like(p)
                state["m"].lerp_(p.grad, 1 - group["momentum"])
                if i % world == rank:
                    alike[p.flatten(1).shape].append(p)
            steps = {p: torch.zeros_like(p) for p in group["params"]} if world > 1 else {}
            for some in alike.values():
                wanted = torch.stack([p.grad.lerp(self.state[p]["m"], group["momentum"]).flatten(1) for p in some])
                steps.update(zip(some, orthogonal(wanted), strict=True))
            if world > 1:
                flat = torch.cat([steps[p].flatten() for p in group["params"]])
                distributed.all_reduce(flat)
                steps = dict(zip(group["params"], flat.split([p.numel() for p in group["params"]]), strict=True))
            for p, s in steps.items():
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(s.view_as(p), alpha=-group["lr"] * max(1, p.shape[0] / p[0].numel()) ** 0.5)


def orthogonal(g: Tensor) -> Tensor:
    """Approximately U Vᵀ of the singular value decomposition of each of (..., M, N), in float32.

    Each iteration multiplies by a polynomial in x xᵀ; the polynomials are multiplied with each other first, so that the
    long side takes part in two products instead of ten.
    """
    x = g.mT if g.shape[-2] > g.shape[-1] else g
    x = x.float() / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a = x @ x.mT
    whole = one = torch.eye(a.shape[-1], device=a.device)
    for i in range(5):
        step = 3.4445 * one - 4.7750 * a + 2.0315 * a @ a
        whole = step @ whole
        if i < 4:
            a = step @ a @ step
    x = whole @ x
    return x.mT if g.shape[-2] > g.shape[-1] else x


def precision(device: torch.device) -> torch.dtype:
    """bfloat16 if the device multiplies it in hardware; otherwise it is a hundred times slower than float32."""
    fast = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if fast else torch.float32


def optimisers(network: nn.Module, ends: tuple[str, ...]) -> list[torch.optim.Optimizer]:
    """Muon for the trunk's matrices; Adam for everything that is not a matrix or is named by `ends`."""
    trunk = [p for n, p in network.named_parameters() if p.ndim >= 2 and not any(e in n for e in ends)]
    inside = {id(p) for p in trunk}
    rest = [p for p in network.parameters() if id(p) not in inside]
    return [Muon(trunk, RATES[0]), torch.optim.AdamW(rest, RATES[1], betas=(0.9, 0.98), weight_decay=1e-4)]


def evaluate(network: nn.Module, task: Task, batches: list[Batch], device: torch.device) -> dict[str, float]:
    """Means of the task's losses and metrics over the batches, with the same noise at every call."""
    network.eval()
    dtype = precision(device)
    rows = []
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        for batch in batches:
            batch = {name: field.to(device) for name, field in batch.items()}
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                predicted = task.predict(network, batch)
            figures = task.losses(predicted, batch) | task.figures(predicted, batch)
            rows.append({name: float(value) for name, value in figures.items()})
    network.train()
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", choices=list(TASKS), default="lift")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch", type=int, default=16, help="views per step in each process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, help="threads of each process")
    parser.add_argument("--loaders", type=int, default=0, help="processes that make batches if no GPU does")
    parser.add_argument(
        "--hold-out",
        nargs="*",
        default=["elpis-lab/ycb", "aws-robotics/aws-robomaker-hospital"],
        help="sources used for validation and not for training",
    )
    parser.add_argument("--judges", type=Path, nargs="+", help="validation data, instead of the held-out sources")
    parser.add_argument("--from-weights", type=Path, help="start from weights that training.export wrote")
    parser.add_argument(
        "--rate", type=float, default=1.0, help="factor on the learning rates; lower it to continue from good weights"
    )
    parser.add_argument(
        "--end", type=float, default=0.0, help="share of the rates left at the end, for another run to continue from"
    )
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile: a third faster after minutes of compiling; needs g++"
    )
    parser.add_argument("--everything", action="store_true", help="train on the held-out sources too")
    a = parser.parse_args()
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = torch.device(a.device, int(os.environ.get("LOCAL_RANK", 0)) if a.device == "cuda" else None)
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.set_float32_matmul_precision("high")
    if world > 1:
        distributed.init_process_group("nccl" if a.device == "cuda" else "gloo")
    a.out.mkdir(parents=True, exist_ok=True)

    held = tuple(a.hold_out)
    torch.manual_seed(a.seed)
    task = TASKS[a.task](device)
    views = task.views(a.data, () if a.everything else held)
    judges = task.views(a.judges, ()) if a.judges else task.views(a.data, held, only=True)
    while not len(views):  # the set is being built
        time.sleep(5)
        views.refresh()
    network = task.make().to(device, memory_format=torch.channels_last)
    if a.from_weights:
        network.load_state_dict(exported(a.from_weights), strict=task.strict)
    mean = task.make().to(device, memory_format=torch.channels_last)
    mean.load_state_dict(network.state_dict())
    both = optimisers(network, task.ends)
    step, drawn, before = 0, 0, 0.0  # drawn: views so far; before: minutes of earlier runs
    saved = a.out / "checkpoint.pt"
    if saved.exists():
        state = torch.load(saved, map_location=device, weights_only=True)
        network.load_state_dict(state["network"])
        mean.load_state_dict(state["mean"])
        for optimiser, kept in zip(both, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        step, drawn, before = state["step"], state["samples"], state["minutes"]
    if device.type == "cuda" and task.resident:
        batches = Resident(views, device, 1000 * a.seed + rank + step).batches(a.batch)
    else:
        made = DataLoader(Batches(views, a.batch, (a.seed, rank, step)), batch_size=None, num_workers=a.loaders)
        batches = iter(made)
    torch.manual_seed(1000 * a.seed + rank + step)
    judged: list[Batch] = []
    parameters = list(network.parameters())
    run = torch.compile(network) if a.compile else network
    print(f"{sum(p.numel() for p in parameters) / 1e6:.1f} M parameters, {len(views)} views, step {step}", flush=True)

    dtype = precision(device)
    start = time.monotonic()
    told, spent, running = start, 0.0, torch.zeros(len(task.weights), device=device)
    done = False
    first = step
    while not done:
        share = spent / a.minutes
        rate = min(1.0, (step - first + 1) / WARM, a.end + (1 - a.end) * (1 - share) / DECAY)
        batch = {name: field.to(device) for name, field in next(batches).items()}
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            predicted = task.predict(run, batch)
        parts = task.losses(predicted, batch)
        sum(task.weights[name] * value for name, value in parts.items()).backward()
        spent = (time.monotonic() - start) / 60
        if world > 1:  # the clocks are averaged with the gradients, so that all processes stop at the same step
            flat = torch.cat([p.grad.flatten() for p in parameters] + [torch.tensor([spent], device=device)])
            distributed.all_reduce(flat)
            flat /= world
            spent = float(flat[-1])
            for p, g in zip(parameters, flat[:-1].split([p.numel() for p in parameters]), strict=True):
                p.grad.copy_(g.view_as(p))
        norm = torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        for optimiser, full in zip(both, RATES, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = full * rate * a.rate
            optimiser.step()
            optimiser.zero_grad()
        step += 1
        drawn += a.batch * world
        keep = min(0.995, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(mean.parameters()), parameters, 1 - keep)
        # stays on the device: reading it at every step would stall a GPU
        running.lerp_(torch.stack([value.detach() for value in parts.values()]), max(0.02, 1 / (step - first)))
        done = spent >= a.minutes
        if step % 50 == 0 and rank == 0:
            text = " ".join(f"{name} {value:.3f}" for name, value in zip(parts, running.tolist(), strict=True))
            print(f"{spent:6.1f} min step {step} rate {rate:.2f} norm {norm:.1f} {text}", flush=True)
        if rank == 0 and (done or time.monotonic() - told > min(300, max(60, 3 * a.minutes))):
            told = time.monotonic()
            if not judged:
                judges.refresh()
                judged = [judges.some(16, np.random.default_rng(i), vary=False) for i in range(16)]
            views.refresh()
            report = {"minutes": before + spent, "step": step, "samples": drawn, "views": len(views)}
            report |= {f"train {n}": v for n, v in zip(parts, running.tolist(), strict=True)}
            report |= evaluate(mean, task, judged, device)
            print(" ".join(f"{n} {v:.3f}" for n, v in report.items()), flush=True)
            _append(a.out / "curve.csv", report)
            state = {
                "network": network.state_dict(),
                "mean": mean.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in both],
                "step": step,
                "samples": drawn,
                "minutes": before + spent,
            }
            torch.save(state, saved.with_suffix(".new"))
            saved.with_suffix(".new").replace(saved)


def _append(path: Path, row: dict[str, float]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow({name: f"{value:.5g}" for name, value in row.items()})


if __name__ == "__main__":
    main()
