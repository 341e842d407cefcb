"""Sessions that survive a restart: they lie in a directory, where the next process finds them."""

import os
import subprocess
import sys
from dataclasses import dataclass

from hotset import Cache


@dataclass
class Session:
    user: str
    cart: list[str]


store = f"disk://{os.path.abspath('sessions')}?max_bytes=64MB"
sessions: Cache[str, Session] = Cache("sessions", ttl="30m", tier=store, types=[Session])


def request(token: str, item: str) -> None:
    session = sessions.get(token) or Session("Ada", cart=[])
    sessions.set(token, Session(session.user, [*session.cart, item]))
    print(f"{session.user} has {len(session.cart) + 1} in the cart: {', '.join([*session.cart, item])}")


if sys.argv[1:]:
    request("token-1", sys.argv[1])
else:
    for item in ["tea", "milk", "sugar"]:  # each time a process of its own
        subprocess.run([sys.executable, __file__, item], check=True)

# prints:
# Ada has 1 in the cart: tea
# Ada has 2 in the cart: tea, milk
# Ada has 3 in the cart: tea, milk, sugar
