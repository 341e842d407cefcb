"""How arguments that are not of built-in types are keyed: by content, by their own rule, by identity, or not at all.

:mod:`~hotset._keys.content` knows what values of some classes are made of, :mod:`~hotset._keys.judge` which values are
of such a class and nothing more, :mod:`~hotset._keys.outside` how values are told apart by other processes.
"""
