"""The decorators that have a cache of their own or share one: ``cache_result``, ``cached_property``,
``cache_result_many``; and ``Batcher``, which gathers keys for the last."""
