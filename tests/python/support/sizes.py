"""How much a test tries: all of it on the oldest and the newest interpreter, a part on those between."""

import os

#: What tests/python/run.sh says of an interpreter on which only what can differ by version is run.
_IS_BETWEEN = os.environ.get("HOTSET_BETWEEN", "0") not in ("", "0")


def examples(number: int) -> int:
    """How many examples a property is tried with."""
    return max(number // 6, 25) if _IS_BETWEEN else number
