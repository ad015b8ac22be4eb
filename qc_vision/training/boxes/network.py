"""The trained half of the box model, written once and run by torch or written as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from qc_vision.training.backbone import blocks
from qc_vision.training.boxes.depthwise import depthwise5
from qc_vision.training.graph import Convolution, GraphWriter

STRIDES: Final = (8, 16, 32)
"""Pixels between two cells of the three scales."""
SHALLOW: Final = 3 + 24 + 24 + 40
"""Channels of the backbone's shallow half by patch: colour, block 2 (average and maximum), block 4."""
TRUNK: Final = 40
"""The last of them, block 4, from which the deep half goes on."""

_DEEP_FROM: Final = 6  # the stem is the first of `blocks()`, so block 5
_COARSE: Final = 112
_MIRRORED_SIDES: Final = (2, 1, 0, 3)
"""Sides of a box (left, top, right, bottom) in its mirror image."""
_START: Final = 4.0
"""Distance of a box's side from its cell before anything is learned, in strides."""

T = TypeVar("T")


class Level(NamedTuple, Generic[T]):
    """One scale: logits of the kinds, and the logarithm of the sides' distances in `_START` strides."""

    kinds: T
    sides: T


class Engine(Protocol[T]):
    """What runs the layers: torch, or the writer of a graph."""

    def convolution(self, x: T, layer: Layer, scale: int) -> T:
        """Run a layer with the normalisation of one scale (0 is the finest)."""

    def add(self, a: T, b: T, name: str) -> T:
        """Return the sum."""

    def twice(self, x: T, name: str) -> T:
        """Return a grid of twice the size, each cell four times."""

    def met(self, x: T, name: str, order: Sequence[int]) -> T:
        """Return the mean of the batch's first answer and its second, mirrored, its channels in that order."""


class Layer(nn.Module):
    """A convolution; its weights serve all scales, its normalisation is each scale's own."""

    def __init__(
        self,
        name: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        stride: int = 1,
        groups: int = 1,
        pads: tuple[int, int, int, int] | None = None,
        relu6: bool = True,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        pad = weight.shape[2] // 2
        self.name, self.stride, self.groups, self.relu6 = name, stride, groups, relu6
        self.pads = pads or (pad, pad, pad, pad)
        self.weight = nn.Parameter(torch.from_numpy(weight.copy()))
        self.bias = nn.Parameter(torch.from_numpy(bias.copy()))
        count = len(STRIDES) if normalised else 0
        self.norms = nn.ModuleList(nn.BatchNorm2d(weight.shape[0]) for _ in range(count))

    def run(self, x: Tensor, scale: int) -> Tensor:
        """Run it on a batch."""
        top, left, bottom, right = self.pads
        if (top, left) == (bottom, right):
            padding: int | tuple[int, int] = (top, left)
        else:
            x, padding = functional.pad(x, (left, right, top, bottom)), 0
        if self.groups > 1 and self.weight.shape[2] == 5 and self.stride == 1:
            x = depthwise5(x, self.weight, self.bias)
        else:
            x = functional.conv2d(
                x, self.weight, self.bias, self.stride, padding=padding, groups=self.groups
            )
        if self.norms:
            x = self.norms[scale](x)
        return functional.relu6(x) if self.relu6 else x

    def folded(self, scale: int) -> Convolution:
        """Return it as a plain convolution, its normalisation inside."""
        weight, bias = self.weight.detach(), self.bias.detach()
        if self.norms:
            norm = self.norms[scale]
            assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101 - nothing else is put there
            mean, variance = norm.running_mean, norm.running_var
            assert mean is not None and variance is not None  # noqa: S101 - they are tracked
            gain = norm.weight.detach() / torch.sqrt(variance + norm.eps)
            weight = weight * gain[:, None, None, None]
            bias = (bias - mean) * gain + norm.bias.detach()
        return Convolution(
            f"deep_{self.name}_{scale}",
            weight.numpy().astype(np.float32),
            bias.numpy().astype(np.float32),
            self.stride,
            self.groups,
            self.pads,
            self.relu6,
        )


class BoxNet(nn.Module):
    """Shallow features N×91×h×w (stride 8) → three scales of kinds and sides, and whether a patch lies inside.

    Args:
        kinds: kinds of regions.
        width: channels of the neck and head.
    """

    def __init__(self, kinds: int, *, width: int = 96, seed: int = 1) -> None:
        super().__init__()
        self.kinds, self.width = kinds, width
        self._rng = np.random.default_rng(seed)
        self.layers = nn.ModuleDict()
        self.deep: list[tuple[tuple[str, ...], bool]] = []
        for number, block in enumerate(blocks()[_DEEP_FROM:]):
            names: list[str] = []
            for layer in block.convolutions:
                names.append(f"block{number}_{len(names)}")
                self.layers[names[-1]] = Layer(
                    names[-1],
                    layer.weight,
                    layer.bias,
                    stride=layer.stride,
                    groups=layer.groups,
                    pads=layer.pads,
                    relu6=layer.relu6,
                )
            self.deep.append((tuple(names), block.skip))
        self._new("lateral3", SHALLOW, width, 1, relu6=False, normalised=True)
        self._new("lateral4", _COARSE, width, 1, relu6=False, normalised=True)
        self._new("down", _COARSE, _COARSE, 5, groups=_COARSE, stride=2, relu6=False)
        self._new("lateral5", _COARSE, width, 1, relu6=False, normalised=True)
        for name in ("top3", "top4", "top5", "kind0", "kind1", "side0", "side1"):
            self._new(f"{name}_around", width, width, 5, groups=width, relu6=False, normalised=True)
            self._new(f"{name}_mixed", width, width, 1, normalised=True)
        rare = float(np.log(0.01 / 0.99))
        self._new("kinds", width, kinds, 1, relu6=False, bias=rare)
        self._new("sides", width, 4, 1, relu6=False)
        self._new("inside", width, 1, 1, relu6=False)

    def _new(
        self,
        name: str,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        groups: int = 1,
        stride: int = 1,
        relu6: bool = True,
        normalised: bool = False,
        bias: float = 0.0,
    ) -> None:
        """Add a layer with random weights (He 2015), small ones where it gives an answer."""
        fan_in = inputs // groups * kernel * kernel
        spread = np.sqrt(2.0 / fan_in) if normalised else 0.01
        shape = (outputs, inputs // groups, kernel, kernel)
        weight = self._rng.normal(0.0, spread, shape).astype(np.float32)
        if name == "down":
            weight[:] = 1.0 / kernel**2  # starts as a mean
        start = np.full(outputs, bias, np.float32)
        self.layers[name] = Layer(
            name, weight, start, stride=stride, groups=groups, relu6=relu6, normalised=normalised
        )

    def deep_weights(self) -> list[nn.Parameter]:
        """Return the weights that come from the backbone."""
        names = [name for group, _ in self.deep for name in group]
        return [weight for name in names for weight in self.layers[name].parameters()]

    def coarse(self, engine: Engine[T], trunk: T) -> T:
        """Return the backbone's deep half: 112 channels at stride 16."""
        x = trunk
        for names, skip in self.deep:
            y = x
            for name in names:
                y = self._run(engine, y, name)
            x = engine.add(x, y, f"{names[0]}_skip") if skip else y
        return x

    def answers(self, engine: Engine[T], shallow: T, coarse: T) -> tuple[list[Level[T]], T]:
        """Return the three scales, the finest first, and the inside logit at stride 8."""
        fine = self._run(engine, shallow, "lateral3", 0)
        middle = self._run(engine, coarse, "lateral4", 1)
        small = self._run(engine, self._run(engine, coarse, "down"), "lateral5", 2)
        small = self._mixed(engine, small, "top5", 2)
        middle = engine.add(middle, engine.twice(small, "twice5"), "sum4")
        middle = self._mixed(engine, middle, "top4", 1)
        fine = engine.add(fine, engine.twice(middle, "twice4"), "sum3")
        fine = self._mixed(engine, fine, "top3", 0)
        levels = []
        for scale, x in enumerate((fine, middle, small)):
            kind = self._mixed(engine, self._mixed(engine, x, "kind0", scale), "kind1", scale)
            side = self._mixed(engine, self._mixed(engine, x, "side0", scale), "side1", scale)
            levels.append(
                Level(
                    self._run(engine, kind, "kinds", scale), self._run(engine, side, "sides", scale)
                )
            )
        return levels, self._run(engine, fine, "inside")

    def _mixed(self, engine: Engine[T], x: T, name: str, scale: int) -> T:
        """A residual step: each channel over its surroundings, then all channels at each cell."""
        y = self._run(engine, x, f"{name}_around", scale)
        y = self._run(engine, y, f"{name}_mixed", scale)
        return engine.add(x, y, f"{name}_{scale}_skip")

    def _run(self, engine: Engine[T], x: T, name: str, scale: int = 0) -> T:
        layer = self.layers[name]
        assert isinstance(layer, Layer)  # noqa: S101 - nothing else is put there
        return engine.convolution(x, layer, scale)

    def forward(self, shallow: Tensor, *, learn_deep: bool = True) -> tuple[Tensor, Tensor, Tensor]:
        """Return kind logits N×cells×kinds, boxes N×cells×4 in pixels, inside logits N×h×w.

        Args:
            learn_deep: whether the backbone's deep half is to get gradients.
        """
        with torch.set_grad_enabled(learn_deep and torch.is_grad_enabled()):
            coarse = self.coarse(Torch(), shallow[:, -TRUNK:])
        return _in_pixels(*self.answers(Torch(), shallow, coarse))

    @torch.no_grad()
    def asked_twice(self, pair: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the answers to one picture, from its features and those of its mirror image (2×91×h×w)."""
        coarse = self.coarse(Torch(), pair[:, -TRUNK:])
        return _in_pixels(*self.both_ways(Torch(), *self.answers(Torch(), pair, coarse)))

    def both_ways(
        self, engine: Engine[T], levels: Sequence[Level[T]], inside: T
    ) -> tuple[list[Level[T]], T]:
        """Return the mean of the answers to a picture and to its mirror image, a batch of two."""
        return [
            Level(
                engine.met(level.kinds, f"kinds_{scale}", range(self.kinds)),
                engine.met(level.sides, f"sides_{scale}", _MIRRORED_SIDES),
            )
            for scale, level in enumerate(levels)
        ], engine.met(inside, "inside", range(1))


def _in_pixels(levels: Sequence[Level[Tensor]], inside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return kind logits N×cells×kinds, boxes N×cells×4 in pixels, inside logits N×h×w."""
    kinds = torch.cat([level.kinds.flatten(2) for level in levels], dim=2).transpose(1, 2)
    sides = torch.cat(
        [
            torch.exp(level.sides.float().clamp(-5.0, 3.0)).flatten(2) * (_START * stride)
            for level, stride in zip(levels, STRIDES, strict=True)
        ],
        dim=2,
    ).transpose(1, 2)
    at = centres(inside.shape[2], inside.shape[3])
    boxes = torch.cat([at - sides[..., :2], at + sides[..., 2:]], dim=2)
    return kinds.float(), boxes, inside[:, 0].float()


class Torch:
    """Runs layers in torch."""

    def convolution(self, x: Tensor, layer: Layer, scale: int) -> Tensor:
        return layer.run(x, scale)

    def add(self, a: Tensor, b: Tensor, name: str) -> Tensor:
        return a + b

    def twice(self, x: Tensor, name: str) -> Tensor:
        return functional.interpolate(x, scale_factor=2, mode="nearest")

    def met(self, x: Tensor, name: str, order: Sequence[int]) -> Tensor:
        return (x[:1] + x[1:].flip(3)[:, list(order)]) / 2


class Graph:
    """Writes layers as nodes."""

    def __init__(self, writer: GraphWriter) -> None:
        self._writer = writer
        self._twice = writer.constant("deep_two", np.array([1, 1, 2, 2], np.float32))

    def convolution(self, x: str, layer: Layer, scale: int) -> str:
        return self._writer.convolution(x, layer.folded(scale))

    def add(self, a: str, b: str, name: str) -> str:
        return self._writer.node("Add", [a, b], f"deep_{name}")

    def twice(self, x: str, name: str) -> str:
        return self._writer.node(
            "Resize",
            [x, "", self._twice],
            f"deep_{name}",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def met(self, x: str, name: str, order: Sequence[int]) -> str:
        g = self._writer
        one = g.constant(f"deep_met_{name}_one", np.array([1, 1], np.int64))
        first, second = g.several(
            "Split", [x, one], [f"deep_met_{name}_first", f"deep_met_{name}_second"], axis=0
        )
        second = mirrored(g, second, f"deep_met_{name}_turned")
        which = g.constant(f"deep_met_{name}_order", np.array(order, np.int64))
        second = g.node("Gather", [second, which], f"deep_met_{name}_sides", axis=1)
        both = g.node("Add", [first, second], f"deep_met_{name}_both")
        half = g.scalar(f"deep_met_{name}_half", 0.5)
        return g.node("Mul", [both, half], f"deep_met_{name}_mean")


def mirrored(g: GraphWriter, x: str, output: str) -> str:
    """Add the mirror image of N×C×h×w: left for right."""
    ends = {"from": -1, "to": np.iinfo(np.int64).min, "axis": 3, "step": -1}
    return g.node(
        "Slice",
        [x, *(g.constant(f"{output}_{k}", np.array([v], np.int64)) for k, v in ends.items())],
        output,
    )


def grids(rows: int, columns: int) -> list[tuple[int, int]]:
    """Return rows and columns of the three scales for those of the finest."""
    return [(rows * STRIDES[0] // stride, columns * STRIDES[0] // stride) for stride in STRIDES]


def centres(rows: int, columns: int) -> Tensor:
    """Return the centres (x, y) of all cells in pixels, the finest scale first."""
    found: list[Tensor] = []
    for (high, wide), stride in zip(grids(rows, columns), STRIDES, strict=True):
        y, x = torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij")
        found.append((torch.stack([x, y], dim=-1).reshape(-1, 2).float() + 0.5) * stride)
    return torch.cat(found)


def write_boxes(
    g: GraphWriter,
    levels: Sequence[Level[str]],
    kinds: int,
    grid: tuple[int, int],
    start: float = _START,
) -> tuple[str, str]:
    """Add what turns the scales into boxes (N×4, shares of the picture) and kind logits (N×kinds)."""
    rows, columns = grid
    flat_kinds: list[str] = []
    flat_sides: list[str] = []
    low, high = g.scalar("deep_side_low", -5.0), g.scalar("deep_side_high", 3.0)
    for index, (level, (r, c)) in enumerate(zip(levels, grids(rows, columns), strict=True)):
        for name, x, channels, into in (
            ("kinds", level.kinds, kinds, flat_kinds),
            ("sides", level.sides, 4, flat_sides),
        ):
            shape = g.constant(f"deep_{name}_shape_{index}", np.array([channels, r * c], np.int64))
            flat = g.node("Reshape", [x, shape], f"deep_{name}_flat_{index}")
            if name == "sides":
                flat = g.node("Clip", [flat, low, high], f"deep_clipped_{index}")
                flat = g.node("Exp", [flat], f"deep_strides_{index}")
                reach = g.scalar(f"deep_reach_{index}", start * STRIDES[index])
                flat = g.node("Mul", [flat, reach], f"deep_distance_{index}")
            into.append(flat)
    all_kinds = g.node("Concat", flat_kinds, "deep_all_kinds", axis=1)
    logits = g.node("Transpose", [all_kinds], "kinds", perm=[1, 0])
    sides = g.node("Concat", flat_sides, "deep_all_sides", axis=1)
    near, far = g.several(
        "Split",
        [sides, g.constant("deep_halves", np.array([2, 2], np.int64))],
        ["deep_near", "deep_far"],
        axis=0,
    )
    at = g.constant("deep_centres", centres(rows, columns).numpy().T.astype(np.float32))
    low_corner = g.node("Sub", [at, near], "deep_low")
    high_corner = g.node("Add", [at, far], "deep_high")
    corners = g.node("Concat", [low_corner, high_corner], "deep_corners", axis=0)
    size = np.array([[columns], [rows]] * 2, np.float32) * STRIDES[0]
    shares = g.node("Div", [corners, g.constant("deep_size", size)], "deep_shares")
    inside = g.node(
        "Clip", [shares, g.scalar("deep_zero", 0.0), g.scalar("deep_one", 1.0)], "deep_cut"
    )
    return g.node("Transpose", [inside], "boxes", perm=[1, 0]), logits
