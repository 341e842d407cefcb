"""The error of ``aliasing="check"``."""


class MutatedValueError(RuntimeError):
    """A value in a cache was changed after it was handed out. Only ``aliasing="check"`` raises it.

    It says nothing of the values themselves, which may be secret: only where they are, and their types.
    """

    def __init__(self, message: str, *, path: str = "value", served: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        #: Where the first difference is: ``value["items"][3]``.
        self.path = path
        #: Who was served, most recent first: ``app/views.py:31 in show``.
        self.served = served
