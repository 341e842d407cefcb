"""What is built, tested and documented, and may still change: places outside the process, and how values get there.

``Cache(tier=...)`` and its options are part of it, and so is :mod:`hotset.disk`, which looks after stores.
"""

from hotset._core import ValueCodec
from hotset._errors import CodecError, NotDecodableError, NotEncodableError, StaleClassError, TierError
from hotset._tiers.codecs import Codec, register_type
from hotset._tiers.disk import Disk, Shm
from hotset._tiers.own import Tier
from hotset._typing import lend_hints

__all__ = [
    "Codec",
    "CodecError",
    "Disk",
    "NotDecodableError",
    "NotEncodableError",
    "Shm",
    "StaleClassError",
    "Tier",
    "TierError",
    "ValueCodec",
    "register_type",
]

lend_hints([value for name, value in globals().items() if name in __all__])
