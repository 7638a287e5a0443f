"""Would AWS take this definition of a state machine? It refuses what the local AWS does not look at.

When a state machine is made, AWS asks of its states, and of those in each map and branch by themselves, that every one
can be reached and every target is there (MISSING_TRANSITION_TARGET), that they come to an end (MISSING_END_STATE), and
of all together that no two share a name (DUPLICATE_STATE_NAME).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

Definition = dict[str, Any]
LAST = ("Succeed", "Fail")


def refusals(definition: Definition) -> list[str]:
    """What AWS would refuse, a line each, with the place."""
    scopes = list(_scopes("", definition))
    wrong = [line for path, scope in scopes for line in _refusals_of_one(path, scope)]
    names = Counter(name for _, scope in scopes for name in scope["States"])
    return wrong + [f"DUPLICATE_STATE_NAME: {name}" for name, count in names.items() if count > 1]


def _scopes(path: str, scope: Definition) -> Iterator[tuple[str, Definition]]:
    """The states of a definition, then those inside them: no transition leads from one scope to another."""
    yield path, scope
    for name, state in scope["States"].items():
        at = f"{path}/States/{name}"
        for field in ("ItemProcessor", "Iterator"):
            if field in state:
                yield from _scopes(f"{at}/{field}", state[field])
        for number, branch in enumerate(state.get("Branches", [])):
            yield from _scopes(f"{at}/Branches/{number}", branch)


def _targets(state: Definition) -> list[str]:
    """The states that may come next."""
    rules = [state, *state.get("Choices", []), *state.get("Catch", [])]
    named = [rule["Next"] for rule in rules if "Next" in rule]
    return named + ([state["Default"]] if "Default" in state else [])


def _ends(state: Definition) -> bool:
    return state["Type"] in LAST or state.get("End") is True


def _refusals_of_one(path: str, scope: Definition) -> Iterator[str]:
    states: dict[str, Definition] = scope["States"]
    if scope["StartAt"] not in states:
        yield f"MISSING_TRANSITION_TARGET: {path}/StartAt: there is no {scope['StartAt']}"
    for name, state in states.items():
        for target in _targets(state):
            if target not in states:
                yield f"MISSING_TRANSITION_TARGET: {path}/States/{name}: there is no {target}"
        # A choice goes on by its rules, and has neither.
        if state["Type"] != "Choice" and ("Next" in state) == _ends(state):
            yield f"SCHEMA_VALIDATION_FAILED: {path}/States/{name}: expected either Next or an end"
    reached, ahead = set[str](), [scope["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name in states and name not in reached:
            reached.add(name)
            ahead += _targets(states[name])
    for name in states.keys() - reached:
        yield f"MISSING_TRANSITION_TARGET: {path}/States/{name}: it can not be reached"
    if not any(_ends(state) for state in states.values()):
        yield f"MISSING_END_STATE: {path}/States"
