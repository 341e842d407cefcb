"""Runs a script in a Python of its own, so that a crash, an abort or a hang is a failed test and not the end of the run."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

FOLDER = Path(__file__).parent
DEFAULT_TIMEOUT = 60
"""Seconds after which a child is taken to hang."""

SOAK = 20 if os.environ.get("HOTSET_SOAK", "0") not in ("", "0") else 1
"""How many times longer everything runs that can run longer."""

DONE = "done"
"""The last line of a script that reached its end."""


SLOW_STEP = re.compile(r"^Executing <.*> took \d+\.\d+ seconds\n", re.MULTILINE)
"""What asyncio's debug mode says of a step of a loop that took a tenth of a second: so can any, on a machine that is busy."""


def run(
    script: str,
    *arguments: object,
    last: str = DONE,
    code: int = 0,
    debug_malloc: bool = False,
    timeout: float = DEFAULT_TIMEOUT,
    silent: bool = True,
) -> str:
    """Run a script; it has to end with `code`, its last line being `last`, and with nothing on stderr if `silent`."""
    command = [sys.executable, "-X", "dev", "-X", "faulthandler", "-c", textwrap.dedent(script), *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment(debug_malloc=debug_malloc),
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout * (max(1, SOAK)))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)  # faulthandler then shows where it hung
        output, errors = process.communicate()
        raise AssertionError(f"the child hung\n{shown(output, errors)}") from None
    return judged(output, errors, process.returncode, last=last, code=code, silent=silent)


def judged(output: str, errors: str, ended: int, *, last: str, code: int, silent: bool) -> str:
    """What a child has written, if it has ended as it should."""
    lines = output.splitlines() or [""]
    assert ended == code, f"the child ended with {ended}\n{shown(output, errors)}"
    assert lines[-1] == last, f"the child's last line is {lines[-1]!r}, not {last!r}\n{shown(output, errors)}"
    assert not silent or SLOW_STEP.sub("", errors) == "", f"the child complained\n{shown(output, errors)}"
    return output


def environment(*, debug_malloc: bool) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HOTSET"))}
    return {
        **kept,
        "PYTHONPATH": str(FOLDER),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONMALLOC": "debug" if debug_malloc else "default",
        "RUST_BACKTRACE": "0",
        "HOTSET_SOAK": str(int(SOAK > 1)),
    }


def shown(output: str, errors: str) -> str:
    return f"--- stdout\n{output[-4000:]}\n--- stderr\n{errors[-6000:]}"
