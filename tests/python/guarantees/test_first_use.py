"""What hotset imports when it is first needed is imported without a lock that others wait for."""

import pytest
from child import run

SCRIPT = """
import os, sys, threading
import hotset

class Equal:
    def __eq__(self, other): return True
    def __hash__(self): return 1

function = hotset.cache_result(lambda argument: 1)
seen = []

class Finder:
    '''Uses a cached function while hotset imports something.'''
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.startswith("hotset.") and name not in seen:
            seen.append(name)
            ACTION()

sys.meta_path.insert(0, Finder)
assert function(Equal()) == 1 and function([Equal()]) == 1 and function({1: {2}}) == 1
print("done")
"""

ACTIONS = {
    "uses the function": "assert function(Equal()) == 1",
    "lets another thread use the function": """
            thread = threading.Thread(target=lambda: function([1]), daemon=True)
            thread.start()
            thread.join(1)
""",
    "forks": """
            pid = os.fork()
            if pid == 0:
                seen.append(function(Equal()))
                os._exit(seen[-1] - 1)
            assert os.waitpid(pid, 0)[1] == 0
""",
}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_import_hook_may_do_what_it_likes(action: str) -> None:
    run(SCRIPT.replace("ACTION()", ACTIONS[action].strip()), timeout=8)
