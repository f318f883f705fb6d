"""What a server says of itself is kept per tenant and shared by all processes."""

from datetime import timedelta

from app.store.db import Store
from app.store.discovery import StoredDiscoveryCache
from smart_launch.discovery import CachedDocument
from tests.store.conftest import NOW

BASE = "https://north.example.org/fhir/r4"


def test_a_document_is_kept_replaced_and_not_shared_between_tenants(store: Store) -> None:
    cache = StoredDiscoveryCache(store, "north")
    assert cache.get(BASE) is None
    first = CachedDocument({"token_endpoint": "https://north.example.org/token", "capabilities": ["a"]}, NOW)
    cache.put(BASE, first)
    assert cache.get(BASE) == first
    second = CachedDocument({"token_endpoint": "https://north.example.org/t2"}, NOW + timedelta(hours=1))
    cache.put(BASE, second)
    assert StoredDiscoveryCache(store, "north").get(BASE) == second
    assert StoredDiscoveryCache(store, "south").get(BASE) is None
