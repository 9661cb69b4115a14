"""The comparison of two worlds finds what is planted, and nothing where nothing differs."""

from serving.store.database import Store
from tests.test_serving.access.test_rights import add, keys_about, seal
from tests.test_serving.access.two_worlds import Ask, MakeWorlds, list_asks, list_routes


def add_two(store: Store) -> None:
    """Store two cases that everybody may see."""
    add(store, "A")
    add(store, "B")


def add_plain(store: Store) -> dict[str, str]:
    """Store a case that nothing hides; return every key by which an address could name it."""
    return keys_about(store, add(store, "C"))


def test_a_case_that_nothing_hides_is_found(make_worlds: MakeWorlds) -> None:
    """Its own page, the list of open cases and the urgent flags all differ."""
    worlds = make_worlds(add_two, add_plain)
    visitor = worlds.enter("screener")
    asks = list_asks(worlds.without, worlds.made, methods=["GET"])
    found = {one.ask for one in visitor.compare(asks)}
    assert {"GET /v1/cases/{key}", "GET /v1/cases", "GET /urgent"} <= found


def test_two_stores_without_the_case_answer_alike(make_worlds: MakeWorlds) -> None:
    """Every route, written to as well and in pairs, answers to the byte as the copy does."""
    worlds = make_worlds(add_two, lambda store: None)
    visitor = worlds.enter("administrator")
    with worlds.there.state.service.need_store().reading() as connection:
        key = connection.exec_driver_sql("SELECT min(case_key) FROM cases").scalar_one()
    reads = list_asks(worlds.without, {"key": key}, methods=["GET"])
    writes = list_asks(worlds.without, {"key": key}, methods=["POST", "PUT"])
    assert len(reads) + len(writes) == len(list_routes(worlds.without))
    assert visitor.compare_pairs([*writes, Ask("POST", "/v1/sittings", {"json": {}})], reads) == []


def test_what_is_made_of_an_answer_is_compared(make_worlds: MakeWorlds) -> None:
    """A cursor that one world gives and the other does not is told."""
    worlds = make_worlds(add_two, add_plain)
    first = Ask("GET", "/v1/cases", {"params": {"limit": 2}}, "/v1/cases")

    def follow(answer: object) -> list[Ask]:
        told = answer.json()  # type: ignore[attr-defined]
        return [Ask("GET", "/v1/cases", {"params": {"cursor": told["next_cursor"]}})]

    found = worlds.enter("screener").follow(first, follow)
    assert [one.where for one in found][:1] == ["body"]


def test_a_sealed_case_is_in_no_page_of_those_it_does_not_name(make_worlds: MakeWorlds) -> None:
    """Reading by its keys, and reading lists, is the same with it and without it."""

    def add_sealed(store: Store) -> dict[str, str]:
        parts = add_plain(store)
        seal(store, parts["key"])
        return parts

    worlds = make_worlds(add_two, add_sealed)
    visitor = worlds.enter("screener")
    asks = [
        ask
        for ask in list_asks(worlds.without, worlds.made, methods=["GET"])
        if "{key}" in ask.route or ask.route in ("/v1/cases", "/cases", "/v1/duty", "/urgent")
    ]
    assert visitor.compare(asks) == []
