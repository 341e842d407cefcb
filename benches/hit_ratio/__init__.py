"""Which part of the requests caches answer, over sequences that are made here and over recorded ones."""
