"""Depthwise 5×5 convolutions that learn as fast as 3×3 ones.

oneDNN's gradient of a depthwise 5×5 kernel costs ten times that of a 3×3 one (672 channels of 16×16, batch of 8:
15 against 1.3 CPU ms), and was a quarter of a training step. The kernel's taps are those of four 3×3 kernels
at its corners.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

_CORNERS: Final = (0, 2)


class _Depthwise5(torch.autograd.Function):
    """The convolution as torch has it, its kernels' gradient by `_of_taps`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return functional.conv2d(x, weight, bias, padding=2, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        (grad,) = grads
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = _backward(grad, x, weight, pad=2, of_weight=False)
        return of_x, _of_taps(grad, x, weight), grad.sum((0, 2, 3))


def depthwise5(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return each channel (N×C×h×w) convolved with its own 5×5 kernel (C×1×5×5), as large as it was."""
    found: Tensor = _Depthwise5.apply(x, weight, bias)
    return found


def _of_taps(grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of all 25 taps from those of four 3×3 kernels, which overlap in the middle."""
    count, channels, rows, columns = x.shape
    high, wide = rows + 2, columns + 2
    rim = x.new_zeros(count, rows + 4, columns + 4, channels).permute(0, 3, 1, 2)
    rim[:, :, 2:-2, 2:-2] = x
    part = weight[:, :, :3, :3]
    taps = torch.empty_like(weight)
    for row in _CORNERS:
        for column in _CORNERS:
            seen = rim[:, :, row : row + high, column : column + wide]
            seen = seen.contiguous(memory_format=torch.channels_last)
            taps[:, :, row : row + 3, column : column + 3] = _backward(
                grad, seen, part, pad=0, of_weight=True
            )
    return taps


def _backward(grad: Tensor, x: Tensor, weight: Tensor, *, pad: int, of_weight: bool) -> Tensor:
    found: Tensor = torch.ops.aten.convolution_backward(
        grad, x, weight, None, [1, 1], [pad, pad], [1, 1], False, [0, 0], len(weight),
        [not of_weight, of_weight, False],
    )[int(of_weight)]  # fmt: skip
    return found
