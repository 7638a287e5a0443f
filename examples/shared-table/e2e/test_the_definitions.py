"""Does the check of definitions refuse what AWS refuses, in every scope, and nothing else?"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from definitions import Definition, refusals

# Every way to go on, and every kind of scope, the old spelling of a map's included.
INNER: Definition = {"StartAt": "Only", "States": {"Only": {"Type": "Wait", "Seconds": 1, "End": True}}}
SOUND: Definition = {
    "StartAt": "Decide",
    "States": {
        "Decide": {"Type": "Choice", "Choices": [{"IsPresent": True, "Next": "Each"}], "Default": "Old"},
        "Each": {"Type": "Map", "ItemProcessor": INNER, "Next": "Both"},
        "Old": {
            "Type": "Map",
            "Iterator": {"StartAt": "Older", "States": {"Older": {"Type": "Pass", "End": True}}},
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Succeed"}}},
                {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "End": True}}},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Broken"}],
            "End": True,
        },
        "Broken": {"Type": "Fail"},
    },
}
RENDERED = sorted((Path(__file__).resolve().parents[3] / "terraform/states/tests/rendered").glob("*.json"))
# Where each scope lies in it, and a state there.
SCOPES = {
    "the whole": ((), "Old"),
    "an item processor": (("States", "Each", "ItemProcessor"), "Only"),
    "an iterator": (("States", "Old", "Iterator"), "Older"),
    "a second branch": (("States", "Both", "Branches", 1), "Right"),
}


def with_scope(path: tuple[Any, ...]) -> tuple[Definition, Definition]:
    """A copy of the sound definition, and the scope at this path of it."""
    whole = copy.deepcopy(SOUND)
    scope: Any = whole
    for step in path:
        scope = scope[step]
    return whole, scope


def test_a_sound_definition_is_taken() -> None:
    assert refusals(SOUND) == []


@pytest.mark.parametrize("path", RENDERED, ids=[path.stem for path in RENDERED])
def test_the_rendered_states_are_taken(path: Path) -> None:
    assert refusals(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("where", SCOPES)
def test_a_state_that_can_not_be_reached_is_refused(where: str) -> None:
    path, _ = SCOPES[where]
    whole, scope = with_scope(path)
    # It leads to itself, which is no way in.
    scope["States"]["Lonely"] = {"Type": "Task", "Catch": [{"Next": "Lonely"}], "End": True}
    (line,) = refusals(whole)
    place = "".join(f"/{step}" for step in path)
    assert line == f"MISSING_TRANSITION_TARGET: {place}/States/Lonely: it can not be reached"


@pytest.mark.parametrize("where", SCOPES)
def test_a_target_that_is_not_there_is_refused(where: str) -> None:
    path, name = SCOPES[where]
    whole, scope = with_scope(path)
    # It is there, but in another scope, where no transition from here may lead.
    scope["States"][name]["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": "Left"}]
    (line,) = refusals(whole)
    assert line.startswith("MISSING_TRANSITION_TARGET") and line.endswith(f"/{name}: there is no Left")


@pytest.mark.parametrize("where", SCOPES)
def test_a_start_that_is_not_there_is_refused(where: str) -> None:
    whole, scope = with_scope(SCOPES[where][0])
    scope["StartAt"] = "Nowhere"
    assert any(line.endswith("/StartAt: there is no Nowhere") for line in refusals(whole))


def test_states_that_never_end_are_refused() -> None:
    whole, scope = with_scope(SCOPES["an item processor"][0])
    scope["States"]["Only"] = {"Type": "Wait", "Seconds": 1, "Next": "Only"}
    assert refusals(whole) == ["MISSING_END_STATE: /States/Each/ItemProcessor/States"]


@pytest.mark.parametrize("field", [{}, {"Next": "Broken", "End": True}])
def test_a_state_that_does_not_say_what_comes_next_is_refused(field: dict[str, Any]) -> None:
    whole, scope = with_scope(())
    scope["States"]["Both"].pop("End")
    scope["States"]["Both"] |= field
    assert any("/Both: expected either Next or an end" in line for line in refusals(whole))


def test_two_states_of_one_name_are_refused() -> None:
    whole, scope = with_scope(SCOPES["an iterator"][0])
    scope["States"]["Only"] = scope["States"].pop("Older")
    scope["StartAt"] = "Only"
    assert refusals(whole) == ["DUPLICATE_STATE_NAME: Only"]
