"""The predicates of the ALFRED domain: what each speaks of, and which of them actions change."""

from collections.abc import Mapping

from retro_core.envs.alfworld.pddl import Problem
from retro_core.errors import InvalidInput

ABILITIES = frozenset(
    {
        "pickupable",
        "cleanable",
        "heatable",
        "coolable",
        "toggleable",
        "sliceable",
        "isreceptacleobject",
    }
)
STATES = frozenset({"isclean", "ishot", "iscool", "issliced"})
DYNAMIC = STATES | {
    "atlocation",
    "objectatlocation",
    "inreceptacle",
    "opened",
    "holds",
    "holdsany",
    "ison",
    "istoggled",
}
"""The predicates that actions change; all others hold for the whole game."""

_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "atlocation": ("agent", "location"),
    "receptacleatlocation": ("receptacle", "location"),
    "objectatlocation": ("object", "location"),
    "receptacletype": ("receptacle", "rtype"),
    "objecttype": ("object", "otype"),
    "cancontain": ("rtype", "otype"),
    "inreceptacle": ("object", "receptacle"),
    "inreceptacleobject": ("object", "object"),
    "openable": ("receptacle",),
    "opened": ("receptacle",),
    "holds": ("agent", "object"),
    "holdsany": ("agent",),
    **dict.fromkeys(ABILITIES | STATES | {"ison", "istoggled"}, ("object",)),
}


def check_facts(problem: Problem) -> None:
    """Raise InvalidInput for a fact whose arguments are not of the kinds that the domain states."""
    for predicate, tuples in problem.facts.items():
        expected = _ARGUMENTS.get(predicate)
        for arguments in tuples if expected else ():
            if tuple(problem.types.get(name) for name in arguments) != expected:
                stated = " ".join((predicate, *arguments))
                raise InvalidInput(f"The fact ({stated}) does not fit the names declared.")
