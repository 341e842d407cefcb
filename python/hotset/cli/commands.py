"""The command group `hotset`: what its subcommands hang on."""

import click

from hotset.cli.demo import demo
from hotset.cli.simulate import simulate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hotset", prog_name="hotset")
def group() -> None:
    """hotset: a caching library for Python with a Rust core."""


group.add_command(demo)
group.add_command(simulate)
