"""Files that a command writes."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click

from hotset.cli import EXIT_UNUSABLE


class WriteError(click.ClickException):
    """A file cannot be written: one line, without a traceback."""

    exit_code = EXIT_UNUSABLE


def obstacle(path: Path) -> str | None:
    """Why a file could not be written to `path`, in a line, or None."""
    if path.is_dir():
        return f"{path}: it is a directory"
    if not path.parent.is_dir():
        return f"{path}: there is no folder {path.parent}"
    return None


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Say in a line if what is written to `path` cannot be."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: it cannot be written: {error.strerror or error}") from error
