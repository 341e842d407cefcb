"""The `hotset` command. It needs the extra `hotset[cli]`, and nothing in the library imports it."""

import sys
from io import TextIOWrapper

__all__ = ["main"]

EXTRA_OF = {"click": "cli", "rich": "cli", "matplotlib": "plot"}
"""The extra that installs each package that only the command line needs."""

EXIT_UNUSABLE = 2
"""The exit code for a command that cannot be carried out as it was given."""


def main() -> None:
    """Run the `hotset` command with the arguments of the process."""
    try:
        from hotset.cli.commands import group
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA_OF:
            raise
        sys.stderr.write(f"Error: {missing_package(package)}\n")
        sys.exit(EXIT_UNUSABLE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character is no reason to stop
    group.main(prog_name="hotset")


def missing_package(package: str) -> str:
    """One line that says which package is missing and what to install."""
    return f"{package} is not installed; install it with: pip install 'hotset[{EXTRA_OF[package]}]'"
