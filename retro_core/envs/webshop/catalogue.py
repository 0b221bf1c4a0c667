"""A shop's products, their prices and its search engine: built once, shared by all episodes."""

import random
from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Protocol

from retro_core.envs.fulltext.bm25 import Bm25Index
from retro_core.envs.webshop.products import Product, is_listed

LOAD_SEED = 0
RESULTS_PER_SEARCH = 50
PRODUCTS_KEPT = 4096  # parsed products in memory, of a catalogue that may hold a million
SEARCHES_KEPT = 512


class ProductSource(Protocol):
    """Where products come from. `scan` reads all of them once; `product` reads one again."""

    def scan(self) -> Iterable[Product]: ...

    def product(self, number: int) -> Product: ...


class Catalogue:
    """Products numbered from 0 in the source's order. Immutable: share it between threads."""

    def __init__(self, source: ProductSource) -> None:
        self._source = source
        self._places = array("q")
        self._numbers: dict[str, int] = {}
        self._prices = array("d")
        rng = random.Random(LOAD_SEED)
        self._index = Bm25Index(self._documents(rng))
        self._rng_state = rng.getstate()
        self.product = lru_cache(PRODUCTS_KEPT)(self._read)
        self.search = lru_cache(SEARCHES_KEPT)(self._search)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, asin: str) -> bool:
        return asin in self._numbers

    def asins(self) -> Iterable[str]:
        """The products' names in the source's order."""
        return self._numbers.keys()

    def by_asin(self, asin: str) -> Product:
        """Raises KeyError if the shop has no such product."""
        return self.product(self._numbers[asin])

    def price(self, asin: str) -> float:
        """What the product costs, in dollars: one fixed draw where the tag shows a range."""
        return self._prices[self._numbers[asin]]

    def goal_rng(self) -> random.Random:
        """A generator in the state that the price draws left: official goals continue it."""
        rng = random.Random(LOAD_SEED)
        rng.setstate(self._rng_state)
        return rng

    def _search(self, query: str) -> tuple[Product, ...]:
        """The best fifty products, best first."""
        found = self._index.search(query, RESULTS_PER_SEARCH)
        return tuple(self.product(number) for number in found)

    def _read(self, number: int) -> Product:
        return self._source.product(self._places[number])

    def _documents(self, rng: random.Random) -> Iterator[tuple[str, str]]:
        for place, product in enumerate(self._source.scan()):
            if is_listed(product.asin) and product.asin not in self._numbers:
                self._numbers[product.asin] = len(self._places)
                self._places.append(place)
                self._prices.append(_draw_price(product, rng))
                yield product.asin, product.search_text()


def _draw_price(product: Product, rng: random.Random) -> float:
    lowest, *rest = product.prices
    return rng.uniform(lowest, rest[0]) if rest else lowest


class ProductList:
    """Products that are in memory already."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._products = tuple(products)

    def scan(self) -> Iterable[Product]:
        return self._products

    def product(self, number: int) -> Product:
        return self._products[number]
