"""Cache-aside: look, load and store. By hand it brings old values back; `get_or_load` does not."""

from hotset import Cache

database = {7: "user"}
roles: Cache[int, str] = Cache("roles", ttl="10m")


def role(user_id: int) -> str:
    return roles.get_or_load(user_id, slow_query)  # one load for all who ask, and it stores nothing old


def slow_query(user_id: int) -> str:
    found = database[user_id]
    if found == "user":  # while the query is under way somebody commits, and then invalidates
        database[user_id] = "admin"
        roles.delete(user_id)
    return found


def role_by_hand(user_id: int) -> str:
    found = roles.get(user_id)
    if found is None:
        found = slow_query(user_id)
        roles.set(user_id, found)
    return found


print("by hand:", role_by_hand(7), "then", role_by_hand(7), "for ten minutes")

roles.clear()
database[7] = "user"
print("get_or_load:", role(7), "then", role(7))

# prints:
# by hand: user then user for ten minutes
# get_or_load: user then admin
