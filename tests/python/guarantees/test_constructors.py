"""Objects that the library makes cannot be made without what is in them."""

import pytest
from child import run

NAMES = ["CachedFunction", "CachedCoroutineFunction", "CachedMethod", "Ready", "PendingCall", "CallKey"]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_library_makes_nobody_else_can_make(name: str) -> None:
    run(
        """
        import sys
        import hotset
        kind = getattr(hotset, sys.argv[1])
        for make in (kind, lambda: kind.__new__(kind), lambda: object.__new__(kind), lambda: kind(1, 2), lambda: kind(len, []),
                     lambda: kind(None, None), lambda: kind((1, 2))):
            try: made = make()
            except (TypeError, ValueError): continue
            repr(made), callable(made) and made()  # or else it has to work
            raise AssertionError("an object was made that has nothing in it")
        print("done")
        """,
        name,
    )
