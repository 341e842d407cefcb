"""An exception that comes between any two steps of the package's own code leaves nothing behind: no load that nobody makes, no
place of the pool that nobody has. It comes as those of signal handlers do, at every opcode once, with the collector off."""

import pytest
from warm import run

#: Ways to load, after what has been done for them: each is a call of `act`.
WAYS = {
    "a miss": "f = hotset.cache_result(read)\ndef act(n): return f(n)",
    "a miss with tags": "f = hotset.cache_result(tags=['t'])(read)\ndef act(n): return f(n)",
    "a miss whose errors are kept": "f = hotset.cache_result(cache_errors=KeyError)(read)\ndef act(n): return f(n)",
    "an error": "f = hotset.cache_result(cache_errors=KeyError)(fail)\ndef act(n): return caught(lambda: f(n))",
    "a timeout": "f = hotset.cache_result(timeout=60)(read)\ndef act(n): return f(n)",
    "a stale value": "f = hotset.cache_result(ttl=5, grace=100, clock=clock)(read)\n"
    "def act(n):\n    f(n)\n    clock.advance(6)\n    return f(n)",
    "a stale value that is waited for": "f = hotset.cache_result(ttl=5, grace=100, soft_timeout=60, clock=clock)(read)\n"
    "def act(n):\n    f(n)\n    clock.advance(6)\n    return f(n)",
    "get_or_load": "f = hotset.Cache()\ndef act(n): return f.get_or_load(n, read)",
    "get_or_load, stale": "f = hotset.Cache(ttl=5, grace=100, clock=clock)\n"
    "def act(n):\n    f[n] = n\n    clock.advance(6)\n    return f.get_or_load(n, read)",
    "get_or_load on terms": "f = hotset.Cache()\ndef act(n): return f.get_or_load(n, read, max_age=9, timeout=60)",
    "load_many": "f = hotset.Cache()\ndef act(n): return f.load_many([n, n + 0.5], read_many)[n]",
    "load_many, stale": "f = hotset.Cache(ttl=5, grace=100, clock=clock)\n"
    "def act(n):\n    f[n] = f[n + 0.5] = n\n    clock.advance(6)\n    return f.load_many([n, n + 0.5], read_many)[n]",
    "load_many under a timeout": "f = hotset.Cache(timeout=60)\ndef act(n): return f.load_many([n, n + 0.5], read_many)[n]",
    "a refresh": "f = hotset.cache_result(read)\ndef act(n): return f.refresh(n)",
    "terms": "f = hotset.cache_result(read)\ndef act(n): return f.with_options(max_age=5, timeout=60)(n)",
    "a coroutine": "f = hotset.cache_result(coroutine)\ndef act(n): return run(lambda: f(n))",
    "a coroutine under a timeout": "f = hotset.cache_result(timeout=60)(coroutine)\ndef act(n): return run(lambda: f(n))",
    "a coroutine, stale": "f = hotset.cache_result(ttl=5, grace=100, clock=clock)(coroutine)\n"
    "def act(n):\n    run(lambda: f(n))\n    clock.advance(6)\n"
    "    return run(lambda: f(n))",
    "aio.get_or_load": "f = hotset.Cache()\ndef act(n): return run(lambda: f.aio.get_or_load(n, coroutine))",
    "aio.load_many": "f = hotset.Cache()\n"
    "def act(n): return run(lambda: f.aio.load_many([n, n + 0.5], coroutine_many))[n]",
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_behind(way: str) -> None:
    run(
        f"""
        import asyncio, dis, functools, gc, os, sys, time
        import hotset
        from hotset._percall import caller, entry
        from hotset._loading import call_options, current, drivers, failures, many, policy, pool, protocol, reraise, runners, sources, waiters
        from hotset.testing import ManualClock
        from threading import get_ident

        class Interrupt(BaseException): pass

        clock = ManualClock()
        def read(n): return n
        def fail(n): raise KeyError(n)
        def read_many(keys): return {{key: key for key in keys}}
        async def coroutine(n):
            await asyncio.sleep(0)
            return n
        async def coroutine_many(keys): return read_many(keys)
        async def awaited(call): return await call()
        def run(call): return asyncio.run(awaited(call), debug=False)  # which takes most of the time
        def caught(call):
            try: return call()
            except KeyError as error: return error.args[0]
        exec({WAYS[way]!r})

        FOLDER = os.path.dirname(hotset.__file__)
        cache = getattr(f, "cache", f)


        if hasattr(sys, "monitoring"):
            def watch(step, code=None):
                \"\"\"Calls this before every opcode of the package's own, or of one piece of its code.\"\"\"
                events = sys.monitoring.events
                def look(code, offset):
                    if not code.co_filename.startswith(FOLDER): return sys.monitoring.DISABLE
                    # A mark of CPython 3.14 that does nothing, at which no signal handler runs; no `try` has it within.
                    if opcodes(code)[offset] == NOT_TAKEN: return
                    if get_ident() == MAIN: step(code)  # signal handlers run nowhere else
                sys.monitoring.register_callback(TOOL, events.INSTRUCTION, look if step else None)
                wanted = events.INSTRUCTION if step else 0
                if code is None: sys.monitoring.set_events(TOOL, wanted)
                else: sys.monitoring.set_local_events(TOOL, code, wanted)
            TOOL, MAIN, NOT_TAKEN = 4, get_ident(), dis.opmap.get("NOT_TAKEN")
            opcodes = functools.cache(lambda code: code.co_code)
            sys.monitoring.use_tool_id(TOOL, "interrupts")
        else:
            def watch(step, code=None):
                def trace(frame, event, argument):
                    if not frame.f_code.co_filename.startswith(FOLDER) or code not in (None, frame.f_code): return None
                    frame.f_trace_opcodes = True
                    if event == "opcode": step(frame.f_code)
                    return trace
                sys.settrace(trace if step else None)

        def steps(n):
            \"\"\"Of each opcode that comes by, in whose code, and how many of that code have come by then.\"\"\"
            seen, found = {{}}, []
            def step(code):
                seen[code] = seen.get(code, 0) + 1
                found.append((code, seen[code]))
            watch(step)
            try: act(n)
            finally: watch(None)
            return found

        def interrupt_at(code, number, n):
            \"\"\"Acts, and has an exception come at the opcode of this number in this code, if there is one.\"\"\"
            count = 0
            def step(_):
                nonlocal count
                count += 1
                if count == number:
                    watch(None, code)
                    raise Interrupt
            watch(step, code)
            # In a generator, of which CPython drops what it takes to be handled there, also where no handler could have run.
            try: next(act(n) for _ in ".")
            except Interrupt: pass
            except BaseException as error:
                assert isinstance(error.__context__, Interrupt) or count >= number, repr(error)
            finally:
                watch(None, code)
            return count >= number

        def settled():
            deadline = time.monotonic() + 20
            while len(pool._shared.resting) < len(pool._shared.places) or pool._shared.queue or cache._loads_in_progress:
                if time.monotonic() > deadline: return False
                time.sleep(0.0005)
            return True

        sys.unraisablehook = lambda info: unraisable.append(info.exc_value)
        unraisable = []
        assert act(0) == 0
        run(lambda: asyncio.sleep(0))
        settled()
        gc.collect()
        gc.disable()
        came = 0
        places = steps(1)
        settled()
        for n, (code, number) in enumerate(places, 2):
            if n % 200 == 0: gc.collect()  # each loop leaves tasks in circles, and looks at all there are
            came += interrupt_at(code, number, n)
            assert settled(), f"after {{code}}, {{number}}: {{cache._loads_in_progress}} loads, {{len(pool._shared.places)}} places"
            assert act(n) == n, n
            settled()
        assert came >= 0.9 * len(places), f"{{came}} of {{len(places)}}"
        print("done")
        """,
        silent=False,
    )
