"""The supervised branch: a small convolutional head that scores and names each patch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from qc_vision.backbones import FEATURES
from qc_vision.training.graph import Convolution, Expected, HeadWeights

Float = NDArray[np.float32]

_STEP: Final = 3
"""Patches between the taps of the wide convolution: as many as the narrow one before it covers."""

_VERDICT_WEIGHT: Final = 0.3
_VERDICT_PATCHES: Final = 3

PLACES: Final = 16
"""Places along each side of a picture at which the head learns what to expect."""

ENOUGH_TO_EXPECT: Final = 1500
"""Pictures below which the head does not learn what to expect where: it would learn them by heart."""


class PatchHead(nn.Module):
    """Features N×203×h×w → N×(1 + classes)×h×w: defect logit, then kind logits.

    A patch is judged by its neighbours and by what lies up to seven patches (56 pixels) around: a
    panel's colour is wrong only beside its neighbour's, and a stripe of the light tunnel is three wide.

    With ``expects`` it is also judged by what belongs there: the mean of the whole picture tells which part it
    is and in which light, a learned map (16×16 places, enlarged to the patches) what such a part shows where.
    A highlight is a dent only where no bead is, a spot weld wrong only off its place.
    """

    def __init__(self, classes: int, width: int = 64, *, expects: bool = False) -> None:
        super().__init__()
        self.classes = classes
        self.mean = nn.Parameter(torch.zeros(FEATURES), requires_grad=False)
        self.scale = nn.Parameter(torch.ones(FEATURES), requires_grad=False)
        self.squeeze = nn.Conv2d(FEATURES, width, 1)
        self.around = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.mix = nn.Conv2d(width, width, 1)
        self.beyond = nn.Conv2d(width, width, 5, padding=2 * _STEP, dilation=_STEP, groups=width)
        self.join = nn.Conv2d(width, width, 1)
        self.answer = nn.Conv2d(width, 1 + classes, 1)
        self.expectation = Expectation(width) if expects else None

    def forward(self, features: Tensor, *, mirrored: bool = False) -> Tensor:
        """Answer for features; mirrored ones are expected mirrored."""
        x = (features - self.mean[:, None, None]) * self.scale[:, None, None]
        x = functional.relu(self.squeeze(x))
        x = functional.relu(x + self.around(x))
        mixed = self.mix(x)
        if self.expectation is not None:
            mixed = mixed + self.expectation(x, mirrored=mirrored)
        x = functional.relu(mixed)
        x = functional.relu(x + self.beyond(x))
        x = functional.relu(self.join(x))
        answer: Tensor = self.answer(x)
        return answer


class Expectation(nn.Module):
    """Patches N×width×h×w → the same shape: what belongs where, by the whole picture and the place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.places = nn.Parameter(0.5 * torch.randn(1, width, PLACES, PLACES))
        self.whole = nn.Conv2d(width, width, 1)
        self.told = nn.Conv2d(width, width, 1)

    def forward(self, patches: Tensor, *, mirrored: bool) -> Tensor:
        places = _enlarged(self.places, (patches.shape[2], patches.shape[3]))
        if mirrored:
            places = places.flip(3)
        whole = self.whole(patches.mean(dim=(2, 3), keepdim=True))
        told: Tensor = self.told(functional.relu(places + whole))
        return told


def _enlarged(places: Tensor, grid: tuple[int, int]) -> Tensor:
    return functional.interpolate(places, grid, mode="bilinear", align_corners=False)


def plain(head: PatchHead, grid: tuple[int, int]) -> HeadWeights:
    """Fold normalisation and the residuals into the weights, for a picture of so many patches (rows, columns)."""
    scale, mean = _array(head.scale), _array(head.mean)
    squeeze = _folded(head.squeeze, "squeeze")
    weight = squeeze.weight * scale[None, :, None, None]
    bias = (squeeze.bias - weight[:, :, 0, 0] @ mean).astype(np.float32)
    layers = (
        replace(squeeze, weight=weight, bias=bias),
        _folded(head.around, "around", residual=True),
        _folded(head.mix, "mix"),
        _folded(head.beyond, "beyond", residual=True),
        _folded(head.join, "join"),
        _folded(head.answer, "answer"),
    )
    return HeadWeights(layers, head.classes, _expected(head.expectation, grid))


def _expected(learned: Expectation | None, grid: tuple[int, int]) -> Expected | None:
    if learned is None:
        return None
    return Expected(
        "head_mix",
        _array(_enlarged(learned.places, grid)),
        _folded(learned.whole, "whole"),
        _folded(learned.told, "told"),
    )


def _folded(layer: nn.Conv2d, name: str, *, residual: bool = False) -> Convolution:
    if layer.bias is None:
        raise ValueError("a layer of the head has no bias")
    weight, middle = _array(layer.weight).copy(), layer.kernel_size[0] // 2
    if residual:
        weight[:, 0, middle, middle] += 1.0
    step = layer.dilation[0]
    return Convolution(
        f"head_{name}", weight, _array(layer.bias), 1, layer.groups,
        (middle * step,) * 4, relu6=False, step=step,
    )  # fmt: skip


def _array(tensor: Tensor) -> Float:
    return tensor.detach().numpy().astype(np.float32)


@dataclass(frozen=True, slots=True)
class HeadData:
    """Features (float16 N×203×h×w), patch targets (int8: 0 good, 1 defect, -1 not asked), kind by image (-1)."""

    features: NDArray[np.float16]
    targets: NDArray[np.int8]
    kinds: NDArray[np.int64]

    def with_(self, other: HeadData) -> HeadData:
        """Return both together."""
        return HeadData(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.targets, other.targets]),
            np.concatenate([self.kinds, other.kinds]),
        )


def train_head(
    data: HeadData,
    classes: int,
    *,
    epochs: int,
    seed: int,
    checkpoint: Path | None = None,
    progress: Callable[[int, float], None] = lambda epoch, loss: None,
    batch: int = 24,
) -> PatchHead:
    """Train the head; with a checkpoint file, an interrupted run of the same length goes on where it stopped.

    The loss is focal (Lin 2017) on patches, with defect patches weighted up by image so that a
    small defect counts as much as a large one; plus what the verdict hangs on, the highest patches
    of the picture (of its defect, where it has one); plus cross-entropy of the kind on defect patches.
    """
    torch.manual_seed(seed)
    head = PatchHead(classes, expects=len(data.features) >= ENOUGH_TO_EXPECT)
    sample = torch.from_numpy(data.features[:: max(1, len(data.features) // 200)]).float()
    head.mean.data = sample.mean(dim=(0, 2, 3))
    head.scale.data = 1.0 / (sample.std(dim=(0, 2, 3)) + 1e-3)
    weights = [p for p in head.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=3e-3, weight_decay=1e-3)
    steps = epochs * -(-len(data.features) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    first = _resume(checkpoint, head, optimiser, schedule, steps)
    for epoch in range(first, epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(data.features))
        losses = []
        for start in range(0, len(order), batch):
            picked = np.sort(order[start : start + batch])
            loss = _loss(head, data, picked, epoch_seed=(seed, epoch, start))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        progress(epoch + 1, float(np.mean(losses)))
        if checkpoint is not None:
            state = {
                "epoch": epoch + 1,
                "steps": steps,
                "head": head.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
            }
            partial = checkpoint.with_suffix(".part")
            torch.save(state, partial)
            partial.replace(checkpoint)
    head.eval()
    return head


def _resume(
    checkpoint: Path | None,
    head: PatchHead,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    steps: int,
) -> int:
    if checkpoint is None or not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    if state.get("steps") != steps:
        return 0  # other pictures or another number of epochs: its pace does not fit
    head.load_state_dict(state["head"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    return int(state["epoch"])


def _loss(
    head: PatchHead, data: HeadData, picked: NDArray[np.int64], epoch_seed: tuple[int, ...]
) -> Tensor:
    features = torch.from_numpy(data.features[picked]).float()
    targets = torch.from_numpy(data.targets[picked].astype(np.int64))
    rng = np.random.default_rng(epoch_seed)
    mirrored = rng.random() < 0.5
    if mirrored:
        features, targets = features.flip(3), targets.flip(2)
    answer = head(features, mirrored=mirrored)
    logit, kinds = answer[:, 0], answer[:, 1:]
    positive, negative = targets == 1, targets == 0
    raw = functional.binary_cross_entropy_with_logits(logit, positive.float(), reduction="none")
    focal = raw * (1.0 - torch.exp(-raw)) ** 1.5
    share = positive.float() / positive.sum(dim=(1, 2), keepdim=True).clamp(min=4)
    loss = (focal * share).sum() / len(picked) + 60.0 * (focal * negative).mean() / 4.0
    loss = loss + _VERDICT_WEIGHT * _verdict_loss(logit, positive, negative)
    named = torch.from_numpy(data.kinds[picked])
    if head.classes and bool((named >= 0).any()):
        rows = positive & (named[:, None, None] >= 0)
        if bool(rows.any()):
            labels = named[:, None, None].expand_as(targets)[rows]
            loss = loss + 0.1 * functional.cross_entropy(kinds.permute(0, 2, 3, 1)[rows], labels)
    return loss


def _verdict_loss(logit: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Cross-entropy of each picture by the mean of its highest patches, of those that have an answer."""
    bad = positive.flatten(1).any(dim=1)
    asked = torch.where(bad[:, None, None], positive, negative)
    highest = logit.masked_fill(~asked, -torch.inf).flatten(1).topk(_VERDICT_PATCHES).values
    told = highest.isfinite()
    mean = highest.masked_fill(~told, 0.0).sum(dim=1) / told.sum(dim=1).clamp(min=1)
    return functional.binary_cross_entropy_with_logits(mean, bad.float())
