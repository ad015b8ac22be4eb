"""Which cells answer for which region, and what their answers cost.

Task-aligned assignment (TOOD, Feng 2021): the cells inside a region whose kind and box are both best answer
for it, and the score they are to give is how well their box fits; so a score says how good a box is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

_BEST: Final = 10
"""Cells that answer for one region."""
_FIT_POWER: Final = 6.0
_KIND_POWER: Final = 0.5
_LEAST_HALF: Final = 6.0
"""Half a side, in pixels, below which a region's inside is widened, so that it holds a cell."""
_BOX_WEIGHT: Final = 2.5
_INSIDE_WEIGHT: Final = 0.3


class Truth(NamedTuple):
    """Regions of a batch, filled up to the same number.

    Args:
        boxes: N×M×4 pixels.
        kinds: N×M numbers of kinds.
        there: N×M, whether there is a region.
        inside: N×h×w at stride 8: share of the patch inside a region.
    """

    boxes: Tensor
    kinds: Tensor
    there: Tensor
    inside: Tensor


class Targets(NamedTuple):
    """What each cell is to answer: kind scores (N×cells×kinds), boxes (N×cells×4)."""

    scores: Tensor
    boxes: Tensor


def fit(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the intersection over union of boxes, and its generalisation (Rezatofighi 2019)."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    common = (high - low).clamp(min=0).prod(dim=-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(dim=-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(dim=-1)
    union = (area_a + area_b - common).clamp(min=1e-6)
    hull_low, hull_high = (
        torch.minimum(a[..., :2], b[..., :2]),
        torch.maximum(a[..., 2:], b[..., 2:]),
    )
    hull = (hull_high - hull_low).clamp(min=0).prod(dim=-1).clamp(min=1e-6)
    shared = common / union
    return shared, shared - (hull - union) / hull


@torch.no_grad()
def assigned(scores: Tensor, boxes: Tensor, at: Tensor, truth: Truth) -> Targets:
    """Return what the cells are to answer, from their present answers.

    Args:
        scores: N×cells×kinds, in 0..1.
        boxes: N×cells×4 pixels.
        at: cells×2, the cells' centres.
    """
    batch, cells, kinds = scores.shape
    if truth.boxes.shape[1] == 0:
        return Targets(torch.zeros_like(scores), torch.zeros_like(boxes))
    within = _within(at, truth)
    shared = fit(truth.boxes[:, :, None], boxes[:, None])[0].clamp(min=0)
    asked = truth.kinds[:, :, None].expand(-1, -1, cells)
    sure = scores.transpose(1, 2).gather(1, asked)
    aligned = (sure.pow(_KIND_POWER) * shared.pow(_FIT_POWER) + 1e-9) * within
    best = aligned.topk(min(_BEST, cells), dim=2)
    chosen = torch.zeros_like(aligned).scatter(2, best.indices, 1.0) * within
    several = chosen.sum(dim=1, keepdim=True) > 1
    strongest = torch.zeros_like(chosen).scatter(
        1, (shared * chosen).argmax(dim=1, keepdim=True), 1.0
    )
    chosen = torch.where(several, strongest * chosen, chosen)
    aligned, shared = aligned * chosen, shared * chosen
    top_aligned, top_shared = aligned.amax(dim=2, keepdim=True), shared.amax(dim=2, keepdim=True)
    quality = (aligned / top_aligned.clamp(min=1e-9) * top_shared.clamp(min=0.05)).amax(dim=1)
    owner = chosen.argmax(dim=1)
    rows = torch.arange(batch)[:, None]
    named = functional.one_hot(truth.kinds[rows, owner], kinds).float()
    return Targets(named * quality[..., None], truth.boxes[rows, owner])


def _within(at: Tensor, truth: Truth) -> Tensor:
    """Return N×M×cells: 1 where a cell's centre lies inside a region, widened where it is small."""
    middle = (truth.boxes[..., :2] + truth.boxes[..., 2:]) / 2
    half = ((truth.boxes[..., 2:] - truth.boxes[..., :2]) / 2).clamp(min=_LEAST_HALF)
    away = (at[None, None] - middle[:, :, None]).abs()
    inside = (away < half[:, :, None]).all(dim=-1)
    return (inside & truth.there[:, :, None]).float()


def loss_of(kinds: Tensor, boxes: Tensor, inside: Tensor, at: Tensor, truth: Truth) -> Tensor:
    """Return the loss of a batch: kinds, boxes, and which patches lie inside a region."""
    targets = assigned(kinds.detach().sigmoid(), boxes.detach(), at, truth)
    total = targets.scores.sum().clamp(min=1.0)
    raw = functional.binary_cross_entropy_with_logits(kinds, targets.scores, reduction="none")
    loss = raw.sum() / total
    weight = targets.scores.sum(dim=2)
    answering = weight > 0
    if bool(answering.any()):
        generalised = fit(boxes[answering], targets.boxes[answering])[1]
        loss = loss + _BOX_WEIGHT * ((1.0 - generalised) * weight[answering]).sum() / total
    drawn = functional.binary_cross_entropy_with_logits(inside, truth.inside)
    return loss + _INSIDE_WEIGHT * drawn
