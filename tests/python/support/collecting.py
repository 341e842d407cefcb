"""For scripts of children: what tests of the collector begin with."""

PRELUDE = """
import asyncio, gc, sys, types, weakref
import hotset
from hotset import Cache, cache_result

class Thing:
    pass

class Equal(Thing):
    def __eq__(self, other): return self is other
    def __hash__(self): return 1

@types.coroutine
def waits():
    yield "waiting"

def check_freed(build, *arguments):
    '''What `build` returns weak references to is there until the next collection.'''
    gc.collect()
    gc.disable()
    references = build(*arguments)
    assert all(reference() is not None for reference in references), "it was no cycle"
    gc.enable()
    gc.collect()
    kept = [reference() for reference in references if reference() is not None]
    assert not kept, f"the collector could not free {kept}"
    assert not gc.garbage
"""
