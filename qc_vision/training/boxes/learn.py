"""Train the box model: progress, stop and go on, the best kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qc_vision.average_precision import Found, average_precision
from qc_vision.backbones import GRID_STRIDE
from qc_vision.runtime.boxes import Proposals, best_regions
from qc_vision.training.boxes.assign import loss_of
from qc_vision.training.boxes.draw import Shown, changed, truth_of
from qc_vision.training.boxes.network import BoxNet, centres
from qc_vision.training.features import Extractor

_BATCH: Final = 8
_RATE: Final = 1.6e-3
_DEEP_RATE: Final = 4e-4
_DEEP_FROM: Final = 0.1
"""Share of the epochs after which the backbone's deep half learns too."""
_AVERAGED: Final = 0.1
"""Share of the training over which the weights' running mean reaches back."""
_LEAST_SCORE: Final = 0.01
_MEASURED: Final = 5
"""Times that the pictures held back are asked in a long training."""
_SIDES: Final = ((0.5, 0.625), (0.75, 0.75), (1.0, 1.0))
"""Up to which share of the epochs pictures are shown at which share of the model's side: small ones cost less
(Tan 2021), so that more can be shown in the same time.
"""
_LONG: Final = 400
"""Steps of a training from which it does; a short one has no time left to get used to the larger pictures."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The best model, and its figures on the pictures held back."""

    net: BoxNet
    figures: dict[str, Any]
    epoch: int


@dataclass(slots=True)
class _State:
    """Where training stands."""

    net: BoxNet
    average: BoxNet
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.OneCycleLR
    epoch: int = 0
    best: dict[str, Any] | None = None

    def save(self, path: Path, recipe: str) -> None:
        """Write it, whole or not at all."""
        partial = path.with_suffix(".part")
        torch.save(
            {
                "recipe": recipe,
                "epoch": self.epoch,
                "net": self.net.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "best": self.best,
            },
            partial,
        )
        partial.replace(path)

    def resume(self, path: Path, recipe: str) -> None:
        """Go on from a file of the same recipe, if there is one."""
        if not path.exists():
            return
        kept = torch.load(path, weights_only=True)
        if kept.get("recipe") != recipe:
            return  # other pictures or another length: its pace does not fit
        self.net.load_state_dict(kept["net"])
        self.average.load_state_dict(kept["average"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.schedule.load_state_dict(kept["schedule"])
        self.epoch, self.best = int(kept["epoch"]), kept["best"]


def learn(
    pictures: Sequence[Shown],
    held: Sequence[Shown],
    labels: Sequence[str],
    extractor_of: Callable[[int], Extractor],
    *,
    epochs: int,
    seed: int,
    recipe: str,
    checkpoint: Path,
    progress: Callable[[dict[str, Any]], None],
) -> Learned:
    """Train; what was interrupted goes on from the checkpoint where its recipe is the same.

    Some times, at last in the end, the running mean of the weights is measured on the pictures held back;
    the best by AP50-95 and AP50 together is returned.

    Args:
        extractor_of: gives the shallow half of the backbone for pictures of a side in pixels.
        recipe: what the training depends on: pictures, length, settings.
    """
    torch.manual_seed(seed)
    net = BoxNet(len(labels), seed=seed).to(memory_format=torch.channels_last)  # a third less time
    steps = epochs * -(-len(pictures) // _BATCH)
    state = _begun(net, steps)
    state.resume(checkpoint, f"{recipe} {steps}")
    side = held[0].image.shape[0]
    extractor = extractor_of(side)
    asked = np.stack([extractor.one(one.image) for one in held]).astype(np.float16)
    while state.epoch < epochs:
        began = time.perf_counter()
        shown_at = side_at(state.epoch / epochs, side) if steps >= _LONG else side
        if extractor.grid[0] * GRID_STRIDE != shown_at:
            extractor = extractor_of(shown_at)
        loss = _epoch(state, pictures, (shown_at, extractor), epochs=epochs, seed=seed)
        state.epoch += 1
        told: dict[str, Any] = {"loss": round(loss, 4)}
        if (epochs - state.epoch) % max(1, epochs // _MEASURED) == 0:
            figures = measured(state.average, asked, held, labels)
            worth = figures["map50"] + figures["map50_95"]
            if state.best is None or worth >= state.best["worth"]:
                weights = deepcopy(state.average.state_dict())
                state.best = {"worth": worth, "epoch": state.epoch, "weights": weights}
            told |= {"map50": figures["map50"], "map50_95": figures["map50_95"]}
            told["best"] = state.best["epoch"]
        state.save(checkpoint, f"{recipe} {steps}")
        left = round((time.perf_counter() - began) * (epochs - state.epoch))
        progress({"step": "boxes", "epoch": state.epoch, "of": epochs, **told, "left_s": left})
    assert state.best is not None  # noqa: S101 - there is at least one epoch
    best = BoxNet(len(labels), seed=seed)
    best.load_state_dict(state.best["weights"])
    return Learned(best.eval(), measured(best, asked, held, labels), int(state.best["epoch"]))


def side_at(done: float, side: int) -> int:
    """Return the side at which pictures are shown after a share of the epochs, a multiple of 32."""
    share = next(share for until, share in _SIDES if done < until)
    return min(side, max(64, round(share * side / 32) * 32))


def _begun(net: BoxNet, steps: int) -> _State:
    deep = {id(weight) for weight in net.deep_weights()}
    groups = [
        {"params": [w for w in net.parameters() if id(w) not in deep], "lr": _RATE},
        {"params": net.deep_weights(), "lr": _DEEP_RATE},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [_RATE, _DEEP_RATE],
        total_steps=steps,
        pct_start=min(0.15, 200 / steps),
        cycle_momentum=False,
        final_div_factor=200.0,
    )
    average = deepcopy(net).eval()
    return _State(net, average, optimiser, schedule)


def _epoch(
    state: _State,
    pictures: Sequence[Shown],
    shown_at: tuple[int, Extractor],
    *,
    epochs: int,
    seed: int,
) -> float:
    """Show every picture once, at a side and through its extractor; return the mean loss."""
    side, extractor = shown_at
    learn_deep = state.epoch >= _DEEP_FROM * epochs
    order = np.random.default_rng((seed, state.epoch)).permutation(len(pictures))
    losses = []
    state.net.train()
    for start in range(0, len(order), _BATCH):
        rng = np.random.default_rng((seed, state.epoch, start))
        batch = [changed(pictures[index], rng, side) for index in order[start : start + _BATCH]]
        features = np.stack([extractor.one(np.ascontiguousarray(one.image)) for one in batch])
        shallow = torch.from_numpy(features).contiguous(memory_format=torch.channels_last)
        loss = _loss(state.net, shallow, batch, learn_deep=learn_deep)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(state.net.parameters(), 10.0)
        state.optimiser.step()
        state.schedule.step()
        done = state.epoch * -(-len(order) // _BATCH) + start // _BATCH
        keep = 1.0 - 1.0 / max(1.0, _AVERAGED * state.schedule.total_steps)
        _average(state.average, state.net, min(keep, (1 + done) / (10 + done)))
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _loss(net: BoxNet, features: Tensor, batch: Sequence[Shown], *, learn_deep: bool) -> Tensor:
    kinds, boxes, inside = net(features, learn_deep=learn_deep)
    at = centres(features.shape[2], features.shape[3])
    return loss_of(kinds, boxes, inside, at, truth_of(batch))


@torch.no_grad()
def _average(average: BoxNet, net: BoxNet, keep: float) -> None:
    """Move the running mean of the weights on."""
    new = net.state_dict()
    for name, value in average.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(new[name], 1.0 - keep)
        else:
            value.copy_(new[name])


@torch.no_grad()
def measured(
    net: BoxNet, features: NDArray[np.float16], held: Sequence[Shown], labels: Sequence[str]
) -> dict[str, Any]:
    """Return average precision on pictures whose shallow features are given."""
    net.eval()
    truth, found = [], []
    for one, shallow in zip(held, features, strict=True):
        kinds, boxes, _ = net(torch.from_numpy(shallow.astype(np.float32))[None])
        side = one.image.shape[0]
        proposals = Proposals((boxes[0].numpy() / side).clip(0.0, 1.0), kinds[0].numpy())
        regions = best_regions(
            proposals,
            kinds[0].sigmoid().numpy(),
            (0, 0, side, side),
            labels,
            threshold=_LEAST_SCORE,
            most=100,
        )
        truth.append(Found(one.boxes, [labels[k] for k in one.kinds], [1.0] * len(one.kinds)))
        found.append(
            Found(
                np.array([(r.x, r.y, r.x + r.w, r.y + r.h) for r in regions], np.float32).reshape(
                    -1, 4
                ),
                [str(r.label) for r in regions],
                [r.score for r in regions],
            )
        )
    return average_precision(truth, found)
