"""Stores on this machine, which its processes share: in a directory, where they survive restarts, or in shared memory.

``tier="disk:///var/cache/app?max_bytes=1GB"`` and ``tier=Disk("/var/cache/app", max_bytes="1GB")`` are the same, and so
are ``tier="shm://app"`` and ``tier=Shm("app")``.
"""

from hotset._tiers.disk import Disk, Durability, Report, Shm, check, compact

__all__ = ["Disk", "Durability", "Report", "Shm", "check", "compact"]
