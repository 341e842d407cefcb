"""Caches: mappings whose entries end, with verbs for whoever reads and writes them."""

from hotset._cache.cache import Cache, caches

__all__ = ["Cache", "caches"]
