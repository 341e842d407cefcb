"""One question about many rows: a function of a list of ids, cached id by id."""

from hotset import cache_result_many

ROWS = {number: f"user {number}" for number in range(1, 6)}


@cache_result_many(ttl="1h")
def get_users(ids: list[int]) -> dict[int, str]:
    print("SELECT ... WHERE id IN", tuple(ids))
    return {number: ROWS[number] for number in ids if number in ROWS}


print(get_users([1, 2, 3]))
print(get_users([2, 3, 4]))
get_users.invalidate(3)
print(get_users([3, 4, 99]))

# prints:
# SELECT ... WHERE id IN (1, 2, 3)
# {1: 'user 1', 2: 'user 2', 3: 'user 3'}
# SELECT ... WHERE id IN (4,)
# {2: 'user 2', 3: 'user 3', 4: 'user 4'}
# SELECT ... WHERE id IN (3, 99)
# {3: 'user 3', 4: 'user 4'}
