"""Methods: whose results they are, and that no instance is kept alive or mistaken for another."""

import dataclasses
import gc
import pickle
import sys
import weakref
from typing import Any

import pytest
from hotset import MISSING, Cache, cache_result, cached_property
from hotset.testing import ManualClock


class Box:
    """A value that a method gives back."""

    def __init__(self, value: int) -> None:
        self.value = value

    @cache_result
    def get(self, plus: int = 0) -> int:
        return self.value + plus

    @cache_result(maxsize=3)
    def few(self) -> int:
        return self.value


class AlwaysEqual(Box):
    """Is equal to everything and hashes alike, which `self` must not care about."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class Unhashable(Box):
    """Cannot be a key of a dict."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")


@pytest.fixture(autouse=True)
def _empty() -> None:
    Box.get.cache_clear()
    Box.few.cache_clear()


# Identity


@pytest.mark.parametrize("kind", [Box, AlwaysEqual, Unhashable])
def test_instances_are_told_apart_whatever_their_eq_says(kind: type[Box]) -> None:
    one, two = kind(1), kind(2)
    assert [one.get(), two.get(), one.get(), two.get()] == [1, 2, 1, 2]
    assert Box.get.cache_info()[:2] == (2, 2)


@pytest.mark.parametrize("kind", [Box, AlwaysEqual, Unhashable])
def test_all_instances_share_a_maxsize(kind: type[Box]) -> None:
    boxes = [kind(number) for number in range(10)]
    assert [box.few() for box in boxes] == list(range(10))
    assert Box.few.cache_info().currsize == 3


def test_a_call_through_the_class_is_the_call_through_the_instance() -> None:
    box = Box(1)
    assert [box.get(2), Box.get(box, 2), Box.get(self=box, plus=2)] == [3, 3, 3]
    assert Box.get.cache_info()[:2] == (2, 1)


def test_key_takes_the_place_of_the_identity() -> None:
    class User:
        def __init__(self, number: int) -> None:
            self.number = number

        @cache_result(key=lambda self, page=1: (self.number, page))
        def name(self, page: int = 1) -> object:
            return object()

    assert User(1).name() is User(1).name(page=1)
    assert User(1).name() is not User(2).name()


def test_an_ignored_self_leaves_the_other_arguments_as_the_key() -> None:
    class Client:
        @cache_result(ignore=["self"])
        def load(self, number: int) -> object:
            return object()

    assert Client().load(1000) is Client().load(1000)
    assert Client().load(1000) is not Client().load(1001)


def test_a_first_parameter_of_another_name_is_the_instance_too() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

        @cache_result
        def me(this) -> int:  # noqa: N805  # the point of it
            return id(this)

    one, two = Odd(), Odd()
    assert [one.me(), two.me(), one.me()] == [id(one), id(two), id(one)]
    assert Odd.me.cache_info()[:2] == (1, 2)


# Lives of instances


@pytest.mark.parametrize("kind", [Box, AlwaysEqual, Unhashable])
def test_an_instance_is_not_kept_alive_and_takes_its_results_along(kind: type[Box]) -> None:
    box, other = kind(1), kind(2)
    reference = weakref.ref(box)
    assert [box.get(), box.get(5), other.get()] == [1, 6, 2]
    del box
    assert reference() is None
    assert Box.get.cache_info().currsize == 1
    assert other.get() == 2


def test_an_instance_in_a_cycle_is_collected_with_its_results() -> None:
    box: Any = Box(1)
    box.itself = box
    reference = weakref.ref(box)
    assert [box.get(), Box.get.cache_info().currsize] == [1, 1]
    del box
    gc.collect()
    assert reference() is None
    assert Box.get.cache_info().currsize == 0


def test_a_method_object_keeps_its_instance_as_every_method_does() -> None:
    get = Box(1).get
    gc.collect()
    assert [get(), get.__self__.value] == [1, 1]
    reference = weakref.ref(get.__self__)
    del get
    assert reference() is None


def test_a_hundred_thousand_instances_at_few_addresses_are_never_mixed() -> None:
    addresses = set()
    for number in range(100_000):
        box = Box(number)
        addresses.add(id(box))
        assert box.get() == number
        assert box.get() == number
    del box
    assert len(addresses) < 50_000
    assert Box.get.cache_info() == (100_000, 100_000, 10_000, 0)


def test_instances_that_die_while_others_live_are_never_mixed() -> None:
    living: list[Box | None] = [None] * 1_000
    for number in range(20_000):
        place = number * 7919 % 1_000
        living[place] = box = Box(number)
        assert box.get() == number
        older = living[number * 31 % 1_000]
        assert older is None or older.get() == older.value
    del box, older
    gc.collect()
    assert Box.get.cache_info().hits > 10_000
    assert 0 < Box.get.cache_info().currsize <= 1_000


def test_a_key_that_outlives_its_instance_is_never_that_of_another() -> None:
    class Plain:
        """Nothing but an address."""

    cache: Cache[Any, Any] = Cache("outlived")
    load = cache.cache_result(id)
    before = [Plain() for _ in range(2_000)]
    old = {id(plain): load.cache_key(plain) for plain in before}
    del before
    for key in old.values():
        cache.set(key, "of one that died")
    after = [Plain() for _ in range(20_000)]
    for _ in range(2):
        assert [load(plain) for plain in after] == [id(plain) for plain in after]
    assert load.cache_info().hits > 0
    assert not any(load.cache_key(plain) == old.get(id(plain)) for plain in after)


def test_a_finalizer_may_use_the_method_of_the_dying_instance() -> None:
    seen: list[int] = []

    class Last(Box):
        def __del__(self) -> None:
            seen.append(self.get())

    for number in range(1_000):
        last: Any = Last(number)
        if number % 2:
            last.itself = last
        if number % 3:
            assert last.get() == number
    del last
    gc.collect()
    assert sorted(seen) == list(range(1_000))
    assert Box.get.cache_info().hits >= 333
    assert Box.get.cache_info().currsize == 0


# Classes without weak references


def test_a_class_without_weak_references_gets_an_error_that_says_so() -> None:
    class Slotted:
        __slots__ = ("value",)

        @cache_result
        def get(self) -> int:
            raise AssertionError("not called")

    with pytest.raises(TypeError, match=r'get\(\) cannot be cached for a .*Slotted.*"__weakref__".*key='):
        Slotted().get()


def test_a_slotted_class_with_weak_references_or_a_key_is_cached() -> None:
    class Weak:
        __slots__ = ("__weakref__",)

        @cache_result
        def get(self) -> object:
            return object()

    class Keyed:
        __slots__ = ()

        @cache_result(key=lambda self: 1)
        def get(self) -> object:
            return object()

    weak = Weak()
    assert weak.get() is weak.get()
    assert weak.get() is not Weak().get()
    assert Keyed().get() is Keyed().get()


def test_a_dataclass_with_slots_is_cached_where_it_has_weak_references() -> None:
    @dataclasses.dataclass(slots=True, weakref_slot=True)
    class Point:
        x: int

        @cache_result
        def double(self) -> int:
            return 2 * self.x

    @dataclasses.dataclass(slots=True)
    class Bare:
        x: int

        @cache_result
        def double(self) -> int:
            return 2 * self.x

    one, two = Point(1), Point(1)
    assert one == two
    assert [one.double(), two.double(), Point.double.cache_info().misses] == [2, 2, 2]
    with pytest.raises(TypeError, match="weakref_slot=True for a dataclass"):
        Bare(1).double()


# Inheritance


def test_an_override_and_what_it_calls_by_super_have_results_of_their_own() -> None:
    class Base:
        @cache_result
        def get(self, x: int) -> list[str]:
            return [f"base {x}"]

    class Child(Base):
        @cache_result
        def get(self, x: int) -> list[str]:
            return [*super().get(x), f"child {x}"]

    child = Child()
    assert child.get(1) is child.get(1)
    assert child.get(1) == ["base 1", "child 1"]
    assert super(Child, child).get(1) is Base.get(child, 1)
    assert [Base.get.cache_info().misses, Child.get.cache_info().misses] == [1, 1]


def test_a_method_is_inherited_with_its_cache() -> None:
    class Child(Box):
        pass

    child = Child(4)
    assert [child.get(), Box.get(child), Child.get is Box.get] == [4, 4, True]
    assert Box.get.cache_info()[:2] == (1, 1)


# Verbs of methods


def test_the_verbs_of_a_method_are_those_of_its_instance() -> None:
    one, two = Box(1), Box(2)
    two.get(5)
    one.get.set(100, 5)
    assert [one.get(5), one.get(plus=5), two.get(5)] == [100, 100, 7]
    assert one.get.peek(6) is MISSING
    assert one.get.refresh(5) == 6
    assert [one.get.invalidate(5), one.get.invalidate(5), two.get.peek(5)] == [True, False, 7]
    assert [two.get.expire(5), two.get.peek(5)] == [True, MISSING]
    assert one.get.uncached(7) == 8
    assert one.get.peek(7) is MISSING
    assert one.get.cache_key(1) == Box.get.cache_key(one, 1) != two.get.cache_key(1)
    assert one.get.cache is Box.get.cache
    with pytest.raises(TypeError, match=r"f\.set\(value, \*args\)"):
        one.get.set()


def test_the_verbs_of_a_classmethod_are_those_of_its_class() -> None:
    class Base:
        @cache_result
        @classmethod
        def name(cls, x: int = 0) -> str:
            return f"{cls.__name__}{x}"

    class Child(Base):
        pass

    assert [Base.name(1), Child.name(1), Base().name(1)] == ["Base1", "Child1", "Base1"]
    assert Base.name.peek(1) == "Base1"
    assert Child.name.invalidate(1) is True
    assert [Base.name.peek(1), Child.name.peek(1)] == ["Base1", MISSING]


def test_a_verb_beneath_a_classmethod_does_not_take_an_argument_for_the_class() -> None:
    class Base:
        @classmethod
        @cache_result
        def name(cls, x: int = 0) -> str:
            return f"{cls.__name__}{x}"

    assert [Base.name(1), Base.name(1)] == ["Base1", "Base1"]
    if sys.version_info < (3, 13):
        assert Base.name.peek(1) == "Base1"
    else:
        with pytest.raises(TypeError, match="pass the class first"):
            Base.name.peek(1)
        assert Base.name.peek(Base, 1) == "Base1"


def test_a_cache_holds_the_results_of_methods(clock: ManualClock) -> None:
    cache: Cache[Any, Any] = Cache("methods", ttl="10s", clock=clock)

    class Store:
        @cache.cache_result
        def get(self, x: int) -> object:
            return object()

    store = Store()
    first = store.get(1)
    assert store.get(1) is first
    clock.advance("10s")
    assert store.get(1) is not first
    del store
    assert len(cache) == 0


def test_an_object_with_cached_methods_can_be_pickled() -> None:
    box = Box(3)
    box.get()
    assert pickle.loads(pickle.dumps(box)).get() == 3


# cached_property


class Page:
    """Has properties that count how often they are computed."""

    def __init__(self) -> None:
        self.computed: list[str] = []

    @cached_property
    def title(self) -> str:
        """The title."""
        self.computed.append("title")
        return f"title {len(self.computed)}"

    @cached_property(maxsize=2)
    def few(self) -> list[str]:
        return self.computed


def test_a_property_is_computed_once_for_each_instance() -> None:
    one, two = Page(), Page()
    assert [one.title, one.title, two.title] == ["title 1"] * 3
    assert [one.computed, two.computed] == [["title"], ["title"]]
    assert "title" not in vars(one)


def test_a_property_can_be_set_and_deleted() -> None:
    page, other = Page(), Page()
    page.title = "given"
    assert [page.title, page.computed, other.title] == ["given", [], "title 1"]
    del page.title
    del page.title
    assert [page.title, page.title] == ["title 1", "title 1"]


def test_a_property_does_not_keep_its_instance_alive() -> None:
    page = Page()
    reference = weakref.ref(page)
    assert [page.title, Page.title.function.cache_info().currsize] == ["title 1", 1]
    del page
    assert reference() is None
    assert Page.title.function.cache_info().currsize == 0


def test_a_property_shows_itself_on_the_class() -> None:
    assert isinstance(Page.title, cached_property)
    assert (Page.title.__doc__, Page.title.__name__) == ("The title.", "title")
    assert Page.few.function.cache_info().maxsize == 2
    with pytest.raises(TypeError, match="put it above a method"):
        cached_property(ttl=3).function.cache_clear()


def test_a_property_is_computed_again_when_its_ttl_is_over(clock: ManualClock) -> None:
    class Token:
        @cached_property(ttl="10s", clock=clock)
        def value(self) -> object:
            return object()

    token = Token()
    first = token.value
    clock.advance("9s")
    assert token.value is first
    clock.advance("1s")
    assert token.value is not first


def test_a_property_of_a_class_without_weak_references_says_so() -> None:
    class Slotted:
        __slots__ = ()

        @cached_property
        def value(self) -> int:
            return 1

    with pytest.raises(TypeError, match=r'value\(\) cannot be cached for a .*Slotted.*"__weakref__"'):
        _ = Slotted().value


def test_a_property_that_raises_is_computed_again() -> None:
    class Flaky:
        calls = 0

        @cached_property
        def value(self) -> int:
            Flaky.calls += 1
            return 1 // (Flaky.calls - 1)

    flaky = Flaky()
    with pytest.raises(ZeroDivisionError):
        _ = flaky.value
    assert [flaky.value, flaky.value, Flaky.calls] == [1, 1, 2]


def test_a_property_is_inherited_and_overridden() -> None:
    class Child(Page):
        @cached_property
        def title(self) -> str:
            return f"child of {super().title}"

    child = Child()
    assert [child.title, child.title, child.computed] == ["child of title 1"] * 2 + [["title"]]
