"""hotset works in the main interpreter of a process: others are told so, and nothing crashes."""

import pytest
from child import run

INTERPRETERS = """
try:
    import _interpreters
    create = lambda: _interpreters.create("legacy")
    execute = lambda one, code: _interpreters.exec(one, code)
except ImportError:  # before 3.13
    import _xxsubinterpreters as _interpreters
    create = lambda: _interpreters.create(isolated=False)
    execute = lambda one, code: _interpreters.run_string(one, code)
"""

CODE = """
try:
    import hotset, decimal
except ImportError as error:
    assert "WSGIApplicationGroup %{GLOBAL}" in str(error), error
    print("refused", flush=True)
else:
    raise AssertionError("it was taken")
"""


@pytest.mark.parametrize("is_used_before", [False, True])
def test_other_interpreters_are_refused(is_used_before: bool) -> None:
    output = run(
        f"""
        {"import hotset" if is_used_before else ""}
        exec({INTERPRETERS!r})
        for _ in range(3):
            one = create()
            execute(one, {CODE!r})
            _interpreters.destroy(one)
        print("done")
        """,
        silent=False,
    )
    assert output.split() == ["refused"] * 3 + ["done"]
