"""A cache with `max_bytes` holds about so much of the memory of its process, whatever is in it."""

import child


def test_what_is_held_is_what_the_process_grew_by() -> None:
    child.run(
        """
        import json, random, tracemalloc
        import logging  # which the first eviction would import, and takes more than a megabyte
        from hotset import Cache

        chance = random.Random(5)
        BOUND = 5_000_000

        def text(size):
            return "".join(chance.choices("abcdefghij", k=size))

        def row():
            return {"id": chance.randrange(1 << 40), "name": text(30), "tags": [text(6) for _ in range(4)], "price": 1.5}

        KINDS = [
            lambda: text(chance.randrange(2_000)),
            lambda: json.loads(json.dumps(row())),
            lambda: [chance.random() for _ in range(100)],
            lambda: [row() for _ in range(40)],
            lambda: {text(8): row() for _ in range(chance.randrange(150))},
            lambda: chance.randbytes(chance.randrange(20_000)),
            lambda: {text(20) for _ in range(50)},
        ]
        cache = Cache(max_bytes=BOUND)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        most = 0
        for number in range(3_000):
            cache[f"key:{number}"] = KINDS[number % len(KINDS)]()
            most = max(most, tracemalloc.get_traced_memory()[0] - before)
        held = tracemalloc.get_traced_memory()[0] - before
        assert cache.stats().evicted > 500
        assert 0.9 * BOUND < cache.stats().bytes <= BOUND
        assert 0.85 * BOUND < held <= most < 1.25 * BOUND, (held, most)
        print("done")
        """
    )
