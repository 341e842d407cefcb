"""Callers wait a little for a slow database, then take what is stale; where nothing is, the load is given up."""

import logging

from hotset import LoadTimeoutError, cache_result
from hotset.testing import Chaos

logging.getLogger("hotset").setLevel("ERROR")  # it warns once that the database is late
database = Chaos(lambda user_id: f"user {user_id}")


@cache_result(ttl="1m", grace="1h", soft_timeout="20ms", timeout="400ms")
def profile(user_id: int) -> str:
    return str(database(user_id))  # in a thread of a pool, so with a database session of its own


print(profile(7))
profile.expire(7)  # it may have changed
with database.held():  # calls that begin in this block end after it
    entry = profile.get_entry(7)
    print(entry.value, "stale:", entry.why)
    try:
        profile(8)
    except LoadTimeoutError as error:
        print(error)
print(profile(8))

# prints:
# user 7
# user 7 stale: load is late
# a load for __main__.profile took longer than its timeout of 0.4 s
# user 8
