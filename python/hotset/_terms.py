"""Where entries look for their class that were pickled when it was here."""

from hotset._percall.entry import Entry

__all__ = ["Entry"]
