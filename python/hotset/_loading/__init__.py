"""How values come that are not there, or not fresh.

- ``policy``: what loads are to do
- ``protocol``: one caller's way to values, written once; ``drivers`` take its steps, in threads and in tasks
- ``sources``: what values are loaded from
- ``runners``: loads in a thread of the ``pool``, or as a task of their own
- ``waiters``: waiting for loads; ``current``: which load the running code is part of
- ``many``: keys that are asked for together
- ``reraise``: exceptions that several callers raise
"""
