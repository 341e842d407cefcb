"""Random programs with hostile keys end with the state that a dict would have."""

import pytest
from child import SOAK
from warm import run


@pytest.mark.parametrize("seed", [1, 1_000_001, 2_000_001])
def test_a_random_program_finds_what_it_stored(seed: int) -> None:
    run("import program, sys; program.main(int(sys.argv[1]), float(sys.argv[2]))", seed, 2.5 * SOAK)


def test_a_random_program_corrupts_no_memory() -> None:
    script = "import program, sys; program.main(int(sys.argv[1]), float(sys.argv[2]))"
    run(script, 3_000_001, 2 * SOAK, debug_malloc=True)
