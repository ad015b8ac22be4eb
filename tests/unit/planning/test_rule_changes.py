"""Rules of the plant that a what-if changes: the last word on each counts, the rest stays as in the plant file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mes.contracts.plant import PlantModel
from mes.contracts.plant_rules import broken_rules
from mes.planning.facts import PlantFacts
from mes.planning.whatif.changes import (
    CHANGES,
    BatchChange,
    Change,
    ChangeImpossible,
    PurgeChange,
    RuleChange,
    SpacingChange,
    changed_plant,
    possible,
)

FACTS = PlantFacts(at=datetime(2026, 11, 23, tzinfo=UTC), cars=(), shifts=(), stock={})


def test_a_spacing_rule_keeps_cars_other_places_apart_or_does_not_hold(
    demo_plant: PlantModel,
) -> None:
    rule = demo_plant.spacing_rules[0]
    hard = changed_plant(demo_plant, (SpacingChange(rule=rule.id, places=6, priority="hard"),))
    assert (hard.spacing_rules[0].places, hard.spacing_rules[0].priority) == (6, "hard")
    heavier = changed_plant(demo_plant, (SpacingChange(rule=rule.id, priority="hard"),))
    assert heavier.spacing_rules[0].places == rule.places
    off = changed_plant(demo_plant, (SpacingChange(rule=rule.id, kept=False),))
    assert rule.id not in [one.id for one in off.spacing_rules]


def test_a_purge_between_two_groups_leaves_the_usual_one_alone(demo_plant: PlantModel) -> None:
    paint = demo_plant.paint
    pair = paint.purges[0]
    changed = changed_plant(
        demo_plant, (PurgeChange(color=pair.color, after=pair.after, purge_s=99),)
    ).paint
    before, color = paint.color_groups[pair.after][0], paint.color_groups[pair.color][0]
    assert changed.purge_between(before, color)[0] == 99
    assert changed.purge_between(before, color)[1] == paint.purge_between(before, color)[1]
    assert (changed.purge_s, changed.solvent_ml) == (paint.purge_s, paint.solvent_ml)
    usual = changed_plant(demo_plant, (PurgeChange(purge_s=1),)).paint
    assert (usual.purge_s, usual.purges) == (1, paint.purges)


def test_the_last_word_on_a_rule_counts_whole(demo_plant: PlantModel) -> None:
    rule = demo_plant.ratio_rules[0]
    other = "low" if rule.priority == "high" else "high"
    words: tuple[Change, ...] = (
        RuleChange(rule=rule.id, n=1, p=9, priority=other),  # type: ignore[arg-type]
        BatchChange(limit=3),
        BatchChange(limit=7),
        RuleChange(rule=rule.id, n=1, p=8),
    )
    changed = changed_plant(demo_plant, words)
    assert (changed.ratio_rules[0].p, changed.ratio_rules[0].priority) == (8, rule.priority)
    assert changed.paint.batch_limit == 7
    assert broken_rules(changed) == []
    assert changed_plant(demo_plant, ()) is demo_plant


def test_changes_are_read_back_as_they_were_entered() -> None:
    changes: tuple[Change, ...] = (
        SpacingChange(rule="tow", kept=False),
        PurgeChange(solvent_ml=100),
        BatchChange(limit=4),
        RuleChange(rule="sunroof", n=1, p=3, priority="low"),
    )
    assert CHANGES.validate_python(CHANGES.dump_python(changes, mode="json")) == changes


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (SpacingChange(rule="no-rule", places=3), "rule"),
        (RuleChange(rule="no-rule", n=1, p=3), "rule"),
        (PurgeChange(color="dark", purge_s=3), "after"),
        (PurgeChange(color="dark", after="no-group", purge_s=3), "after"),
        (PurgeChange(), "purge_s"),
    ],
)
def test_a_rule_that_the_plant_does_not_have_is_refused(
    demo_plant: PlantModel, change: Change, field: str
) -> None:
    with pytest.raises(ChangeImpossible) as refused:
        possible(change, FACTS, demo_plant)
    assert refused.value.errors[0].field == field


def test_solvent_is_refused_where_the_plant_says_none(mini_plant: PlantModel) -> None:
    assert mini_plant.paint.solvent_ml is None
    with pytest.raises(ChangeImpossible) as refused:
        possible(PurgeChange(solvent_ml=100), FACTS, mini_plant)
    assert refused.value.errors[0].field == "solvent_ml"
