"""`python -m hotset`: the same as the `hotset` command."""

from hotset.cli import main

if __name__ == "__main__":
    main()
