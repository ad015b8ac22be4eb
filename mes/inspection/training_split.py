"""Which pictures of a training learn and which measure: near-duplicates stay together."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from mes.inspection.training_model import MEASURED, MIN_OF_A_CODE, Picture, Truth, Use


def divided(pictures: Sequence[Picture], left_out: Collection[UUID], *, seed: int) -> list[Picture]:
    """Say what each picture is for.

    A quarter of the good ones is held back to measure both models on, near-duplicates always together; all
    defects measure, but for three quarters of those whose regions teach. Pictures that are no image are left
    out whatever was wished.
    """
    out = {p.inspection_id for p in pictures if "unreadable" in p.findings} | set(left_out)
    teaching, aside = _teaching(pictures, out, seed=seed)
    held = _good_held(pictures, out, seed=seed) | aside
    return [replace(p, use=_use(p, out, held, teaching)) for p in pictures]


def _good_held(
    pictures: Sequence[Picture], out: Collection[UUID], *, seed: int
) -> set[tuple[int, str]]:
    """Return the groups of good pictures that measure."""
    good = [p for p in pictures if p.truth is Truth.GOOD and p.inspection_id not in out]
    wanted = round(MEASURED * len(good))
    groups = sorted({group_of(p) for p in good})
    random.Random(seed).shuffle(groups)
    sizes = Counter(group_of(p) for p in good)
    held: set[tuple[int, str]] = set()
    count = 0
    for name in groups:
        if count + sizes[name] <= wanted:
            held.add(name)
            count += sizes[name]
    if groups and not held:
        held.add(min(groups, key=lambda name: sizes[name]))
    return held


def learnable(codes: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the codes that enough pictures show, counting only pictures all of whose codes are such."""
    left = [set(one) for one in codes]
    while True:
        counts = Counter(code for one in left for code in one)
        enough = {code for code, n in counts.items() if n >= MIN_OF_A_CODE}
        kept = [one for one in left if one <= enough]
        if len(kept) == len(left):
            return tuple(sorted(counts))
        left = kept


def _teaching(
    pictures: Sequence[Picture], out: Collection[UUID], *, seed: int
) -> tuple[set[UUID], set[tuple[int, str]]]:
    """Return the pictures of defects that can teach, and the groups of them that measure instead.

    A quarter measures, near-duplicates together, as long as each code keeps three quarters of its least number.
    """
    able = [p for p in pictures if p.codes and p.inspection_id not in out]
    codes = set(learnable([p.codes for p in able]))
    able = [p for p in able if codes.issuperset(p.codes)]
    left = Counter(code for p in able for code in set(p.codes))
    least = round((1 - MEASURED) * MIN_OF_A_CODE)
    members: dict[tuple[int, str], list[Picture]] = {}
    for p in able:
        members.setdefault(group_of(p), []).append(p)
    names = sorted(members)
    random.Random(seed).shuffle(names)
    wanted, held = round(MEASURED * len(able)), set[tuple[int, str]]()
    for name in names:
        taken = Counter(code for p in members[name] for code in set(p.codes))
        if len(members[name]) > wanted or any(left[c] - n < least for c, n in taken.items()):
            continue
        held.add(name)
        left -= taken
        wanted -= len(members[name])
    return {p.inspection_id for p in able}, held


def _use(p: Picture, out: set[UUID], held: set[tuple[int, str]], teaching: set[UUID]) -> Use:
    if p.inspection_id in out:
        return Use.LEFT_OUT
    if group_of(p) in held or (p.truth is Truth.DEFECT and p.inspection_id not in teaching):
        return Use.MEASURE
    return Use.LEARN


def group_of(p: Picture) -> tuple[int, str]:
    """Near-duplicates share it; a picture that was not grouped stands alone."""
    return (p.twins, "") if p.twins is not None else (-1, str(p.inspection_id))
