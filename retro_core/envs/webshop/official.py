"""The official WebShop files: products, attributes, human instructions and reviews of a folder."""

import hashlib
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from retro_core.envs.json_records import JsonFile, read_json_records
from retro_core.envs.listed import BadRecords, Listed
from retro_core.envs.webshop.catalogue import Catalogue
from retro_core.envs.webshop.goals import Goal, human_goals, in_official_order, synthetic_goals
from retro_core.envs.webshop.products import Product, RawRecord, parse_product
from retro_core.errors import InvalidInput
from retro_core.types import Task

PRODUCTS, ATTRIBUTES = "items_shuffle", "items_ins_v2"
INSTRUCTIONS, REVIEWS = "items_human_ins.json", "reviews.json"
CATALOGUES_KEPT = 4
TEST_GOALS, VALIDATION_GOALS = 500, 1500  # goal numbers below which the official splits end

_loading = threading.Lock()


class OfficialFiles:
    """Reads products from disk one by one, so that a million of them need little memory."""

    def __init__(self, folder: Path, products_file: str = "") -> None:
        self.products_path = _products_path(folder, products_file)
        self.attributes_path = _attributes_path(self.products_path)
        self.instructions_path = folder / INSTRUCTIONS
        self._products = JsonFile(self.products_path)
        self._places = array("q")
        self._attributes = _KeyedRecords(self.attributes_path, key="")
        self._reviews = _KeyedRecords(folder / REVIEWS, key="asin")

    def scan(self) -> Iterator[Product]:
        """Every product. Raises BadRecords at the end, with all that cannot be read."""
        bad = []
        for number, record in enumerate(read_json_records(self.products_path), start=1):
            try:
                product = self._parse(record.value)
            except InvalidInput as error:
                bad.append(Listed(self.products_path.name, number, problem=str(error)))
            else:
                self._places.extend((record.start, record.size))
                yield product
        if bad:
            raise BadRecords(bad)

    def product(self, number: int) -> Product:
        start, size = self._places[2 * number], self._places[2 * number + 1]
        return self._parse(self._products.read(start, size))

    def attribute_record(self, asin: str) -> RawRecord | None:
        return self._attributes.get(asin)

    def _parse(self, raw: RawRecord) -> Product:
        asin = str(raw.get("asin", "")) if isinstance(raw, dict) else ""
        try:
            return parse_product(raw, self._attributes.get(asin), self._reviews.get(asin))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"product {asin!r} cannot be read: {error!r}") from error


class _KeyedRecords:
    """Records found by asin; the file is optional and read again where a record is asked for."""

    def __init__(self, path: Path, key: str) -> None:
        self._file = JsonFile(path)
        self._places: dict[str, tuple[int, int]] = {}
        for record in read_json_records(path) if path.is_file() else ():
            if key and not isinstance(record.value, dict):
                raise InvalidInput(f"{path.name}: a record at byte {record.start} is no object.")
            name = record.value.get(key, "") if key else record.key
            self._places[name] = (record.start, record.size)

    def get(self, asin: str) -> RawRecord | None:
        place = self._places.get(asin)
        if place is None:
            return None
        record: RawRecord = self._file.read(*place)
        return record


def _products_path(folder: Path, products_file: str) -> Path:
    if products_file:
        return folder / products_file
    found = sorted(folder.glob(f"{PRODUCTS}*.json"), key=lambda path: (len(path.name), path.name))
    if not found:
        raise InvalidInput(f"{folder} holds no {PRODUCTS}*.json of the official WebShop files.")
    return found[0]


def _attributes_path(products_path: Path) -> Path:
    name = products_path.name.replace(PRODUCTS, ATTRIBUTES)
    path = products_path.with_name(name)
    if not path.is_file():
        raise InvalidInput(f"{path} is missing; it belongs to {products_path.name}.")
    return path


def load_official(folder: str, products_file: str = "") -> Catalogue:
    """The catalogue of a folder of official files, built once and kept."""
    return _load(folder, products_file)[0]


def _load(folder: str, products_file: str) -> tuple[Catalogue, OfficialFiles]:
    with _loading:
        path = _products_path(Path(folder), products_file)
        if not path.is_file():
            raise InvalidInput(f"{path} is missing.")
        stat = path.stat()
        return _build(folder, path.name, stat.st_mtime_ns, stat.st_size)


@lru_cache(CATALOGUES_KEPT)
def _build(
    folder: str, products_file: str, changed_at: int, size: int
) -> tuple[Catalogue, OfficialFiles]:
    """`changed_at` and `size` are part of the key, so that a changed file is read again."""
    files = OfficialFiles(Path(folder), products_file)
    return Catalogue(files), files


def official_goals(folder: str, products_file: str = "", *, human: bool = True) -> list[Goal]:
    """Every goal in the official order: goal N is the original's session `fixed_N`."""
    catalogue, files = _load(folder, products_file)
    rng = catalogue.goal_rng()
    if human:
        instructions = _instructions(files.instructions_path)
        return in_official_order(human_goals(_instructed(catalogue, instructions), rng))
    return in_official_order(synthetic_goals(_described(catalogue, files), rng))


def _instructions(path: Path) -> dict[str, Sequence[RawRecord]]:
    """What people wrote, by product. Raises BadRecords with all that cannot be read."""
    found, bad = {}, []
    for number, record in enumerate(read_json_records(path), start=1):
        if _are_instructions(record.value):
            found[record.key] = record.value
        else:
            problem = f"the instructions of {record.key!r} lack text, attributes or options"
            bad.append(Listed(path.name, number, problem=problem))
    if bad:
        raise BadRecords(bad)
    return found


def _are_instructions(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and isinstance(one.get("instruction"), str)
        and _are_texts(one.get("instruction_attributes"))
        and _are_texts(one.get("instruction_options"))
        for one in value
    )


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _instructed(
    catalogue: Catalogue, instructions: dict[str, Sequence[RawRecord]]
) -> Iterable[tuple[Product, float, Sequence[RawRecord]]]:
    for asin in catalogue.asins():
        if asin in instructions:
            yield catalogue.by_asin(asin), catalogue.price(asin), instructions[asin]


def _described(
    catalogue: Catalogue, files: OfficialFiles
) -> Iterable[tuple[Product, float, RawRecord]]:
    for asin in catalogue.asins():
        record = files.attribute_record(asin)
        if record is not None:
            yield catalogue.by_asin(asin), catalogue.price(asin), record


def official_tasks(folder: str, products_file: str = "", *, human: bool = True) -> Iterator[Task]:
    """The official goals as tasks, with the official splits (test, validation, train).

    Their ids hold a digest of the files: goal 7 of another catalogue is another task.
    """
    goals = official_goals(folder, products_file, human=human)
    digest = catalogue_digest(folder, products_file, human=human)
    for number, goal in enumerate(goals):
        catalogue = {"folder": folder, "products_file": products_file}
        yield Task(
            id=f"webshop-{digest}-{number}",
            environment="webshop",
            goal=goal.instruction,
            split=_official_split(number),
            task_type=goal.category,
            payload={"catalogue": catalogue, "goal": goal.to_json()},
        )


def catalogue_digest(folder: str, products_file: str = "", *, human: bool = True) -> str:
    """Ten hexadecimal digits that tell the files of one catalogue from those of another."""
    products = _products_path(Path(folder), products_file)
    paths = [products, _attributes_path(products)]
    whole = hashlib.sha256()
    for path in [*paths, Path(folder) / INSTRUCTIONS] if human else paths:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:10]


def _official_split(number: int) -> str:
    if number < TEST_GOALS:
        return "valid_unseen"
    return "valid_seen" if number < VALIDATION_GOALS else "train"
