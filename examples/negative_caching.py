"""That there is nothing is remembered too, but not for long: as a result, or as an exception that is an answer."""

from hotset import cache_result
from hotset.testing import ManualClock

clock, emails = ManualClock(), {"ann": "ann@example.org"}


@cache_result(ttl="1h", negative_ttl="30s", clock=clock)
def find_email(name: str) -> str | None:
    print("  looking for", name)
    return emails.get(name)


@cache_result(ttl="1h", cache_errors=KeyError, error_ttl="30s", clock=clock)
def email(name: str) -> str:
    print("  asking for", name)
    return emails[name]


print(find_email("ann"), find_email("bob"), find_email("bob"))
for _ in range(2):
    try:
        email("bob")
    except KeyError as error:
        print("unknown:", error)
emails["bob"] = "bob@example.org"
clock.advance("31s")
print(find_email("ann"), find_email("bob"))

# prints:
#   looking for ann
#   looking for bob
# ann@example.org None None
#   asking for bob
# unknown: 'bob'
# unknown: 'bob'
#   looking for bob
# ann@example.org bob@example.org
