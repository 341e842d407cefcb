"""Read-through: callers ask a repository, which loads what is missing, and forgets what it has written."""

from hotset import cache_result


class Users:
    def __init__(self, rows: dict[int, str]) -> None:
        self.rows = rows

    @cache_result(ttl="1h")
    def name(self, user_id: int) -> str:
        print("  select", user_id)
        return self.rows[user_id]

    def rename(self, user_id: int, name: str) -> None:
        self.rows[user_id] = name  # commit first
        self.name.invalidate(user_id)  # then invalidate: nobody sees the old name any more


users = Users({1: "ann", 2: "bob"})
print(users.name(1), users.name(1), users.name(2))
users.rename(1, "anna")
print(users.name(1), users.name(2))

# prints:
#   select 1
#   select 2
# ann ann bob
#   select 1
# anna bob
