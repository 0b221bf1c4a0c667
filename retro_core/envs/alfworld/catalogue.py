"""What rooms the generator knows: their receptacles, and the objects that may lie in each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Room = Literal["kitchen", "livingroom", "bedroom", "bathroom"]

OPENABLE = frozenset({"Cabinet", "Drawer", "Fridge", "Microwave", "Safe", "LaundryHamper"})

RECEPTACLES: Mapping[Room, Mapping[str, tuple[int, int]]] = {
    "kitchen": {
        "Cabinet": (2, 7),
        "CoffeeMachine": (1, 1),
        "CounterTop": (1, 3),
        "DiningTable": (0, 1),
        "Drawer": (1, 6),
        "Fridge": (1, 1),
        "GarbageCan": (1, 1),
        "Microwave": (1, 1),
        "Shelf": (0, 3),
        "SinkBasin": (1, 1),
        "StoveBurner": (2, 4),
        "Toaster": (1, 1),
    },
    "livingroom": {
        "ArmChair": (1, 2),
        "Cabinet": (0, 4),
        "CoffeeTable": (1, 1),
        "DiningTable": (0, 1),
        "Drawer": (0, 5),
        "Dresser": (0, 1),
        "GarbageCan": (1, 1),
        "Ottoman": (0, 1),
        "Safe": (0, 1),
        "Shelf": (0, 4),
        "SideTable": (2, 3),
        "Sofa": (1, 1),
        "TVStand": (0, 1),
    },
    "bedroom": {
        "ArmChair": (0, 1),
        "Bed": (1, 1),
        "Desk": (1, 2),
        "Drawer": (2, 8),
        "Dresser": (0, 1),
        "GarbageCan": (1, 1),
        "LaundryHamper": (0, 1),
        "Safe": (0, 1),
        "Shelf": (0, 5),
        "SideTable": (1, 2),
    },
    "bathroom": {
        "BathtubBasin": (0, 1),
        "Cabinet": (1, 5),
        "CounterTop": (1, 2),
        "Drawer": (0, 5),
        "GarbageCan": (1, 1),
        "HandTowelHolder": (1, 2),
        "Shelf": (0, 3),
        "SideTable": (0, 1),
        "SinkBasin": (1, 2),
        "Toilet": (1, 1),
        "ToiletPaperHanger": (1, 1),
        "TowelHolder": (1, 2),
    },
}
"""Fewest and most receptacles of each type."""

BASINS: Mapping[str, str] = {"SinkBasin": "Sink", "BathtubBasin": "Bathtub"}
"""Receptacles that are part of a larger thing, whose name opens their id."""


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """Where objects of one type may lie, by room, and what can be done with them."""

    places: Mapping[Room, tuple[str, ...]]
    abilities: tuple[str, ...] = ("pickupable",)


_SURFACES = ("CounterTop", "DiningTable")
_STORES = ("Cabinet", "Drawer")
_FOOD = ("pickupable", "cleanable", "heatable", "coolable")
_DISH = ("pickupable", "cleanable", "coolable")
_WARM_DISH = ("pickupable", "cleanable", "heatable", "coolable")
_LIVING = ("CoffeeTable", "DiningTable", "Dresser", "SideTable", "Sofa", "Shelf", "TVStand")
_SLEEPING = ("Bed", "Desk", "Dresser", "Drawer", "Shelf", "SideTable")
_BATHING = ("Cabinet", "CounterTop", "Drawer", "GarbageCan", "Shelf", "SideTable", "Toilet")


def _kitchen(*places: str, abilities: tuple[str, ...] = ("pickupable",)) -> ObjectKind:
    return ObjectKind({"kitchen": places}, abilities)


def _bathroom(*places: str, abilities: tuple[str, ...] = ("pickupable",)) -> ObjectKind:
    return ObjectKind({"bathroom": places}, abilities)


def _lounge(*abilities: str, extra: tuple[str, ...] = ()) -> ObjectKind:
    places: Mapping[Room, tuple[str, ...]] = {
        "livingroom": (*_LIVING, "ArmChair", "Cabinet", "Drawer", "Ottoman", *extra),
        "bedroom": (*_SLEEPING, *extra),
    }
    return ObjectKind(places, ("pickupable", *abilities))


_FRUIT = (*_SURFACES, "Fridge", "GarbageCan", "Microwave", "SinkBasin")
_CUTLERY = (*_SURFACES, "Drawer", "SinkBasin")
_CROCKERY = (*_SURFACES, "Cabinet", "Fridge", "Microwave", "Shelf", "SinkBasin")
_COOKWARE = (*_SURFACES, "Cabinet", "Fridge", "SinkBasin", "StoveBurner")
_CUTTING = ("pickupable", "cleanable")

OBJECTS: Mapping[str, ObjectKind] = {
    "Apple": _kitchen(*_FRUIT, abilities=(*_FOOD, "sliceable")),
    "Bread": _kitchen(*_SURFACES, "Fridge", "GarbageCan", "Microwave",
                      abilities=("pickupable", "heatable", "coolable", "sliceable")),
    "Egg": _kitchen(*_FRUIT, abilities=_FOOD),
    "Lettuce": _kitchen(*_FRUIT, abilities=("pickupable", "cleanable", "coolable", "sliceable")),
    "Potato": _kitchen(*_FRUIT, abilities=(*_FOOD, "sliceable")),
    "Tomato": _kitchen(*_FRUIT, abilities=(*_FOOD, "sliceable")),
    "ButterKnife": _kitchen(*_CUTLERY, abilities=_CUTTING),
    "Fork": _kitchen(*_CUTLERY, abilities=_CUTTING),
    "Knife": _kitchen(*_CUTLERY, abilities=_CUTTING),
    "Ladle": _kitchen(*_CUTLERY, abilities=_CUTTING),
    "Spatula": _kitchen(*_CUTLERY, abilities=_CUTTING),
    "Spoon": _kitchen(*_CUTLERY, abilities=_CUTTING),
    "Bowl": _kitchen(*_CROCKERY, abilities=(*_DISH, "isReceptacleObject")),
    "Cup": _kitchen(*_CROCKERY, abilities=(*_WARM_DISH, "isReceptacleObject")),
    "Mug": _kitchen(*_CROCKERY, "CoffeeMachine", abilities=(*_WARM_DISH, "isReceptacleObject")),
    "Plate": _kitchen(*_CROCKERY, abilities=(*_WARM_DISH, "isReceptacleObject")),
    "Pan": _kitchen(*_COOKWARE, abilities=(*_DISH, "isReceptacleObject")),
    "Pot": _kitchen(*_COOKWARE, abilities=(*_DISH, "isReceptacleObject")),
    "DishSponge": _kitchen(*_SURFACES, *_STORES, "GarbageCan", "Shelf", "SinkBasin",
                           abilities=_CUTTING),
    "PepperShaker": _kitchen(*_SURFACES, *_STORES, "Shelf"),
    "SaltShaker": _kitchen(*_SURFACES, *_STORES, "Shelf"),
    "WineBottle": _kitchen(*_SURFACES, "Cabinet", "Fridge", "GarbageCan", "Shelf"),
    "Book": _lounge(),
    "Box": _lounge("isReceptacleObject"),
    "CellPhone": _lounge(extra=("Safe",)),
    "CreditCard": _lounge(),
    "KeyChain": _lounge(extra=("Safe",)),
    "Laptop": _lounge(),
    "Newspaper": _lounge(extra=("GarbageCan",)),
    "Pen": _lounge(extra=("GarbageCan",)),
    "Pencil": _lounge(extra=("GarbageCan",)),
    "Pillow": ObjectKind({"livingroom": ("ArmChair", "Ottoman", "Sofa"),
                          "bedroom": ("ArmChair", "Bed")}),
    "RemoteControl": ObjectKind({"livingroom": (*_LIVING, "ArmChair", "Drawer", "Ottoman")}),
    "Statue": ObjectKind({"livingroom": ("CoffeeTable", "DiningTable", "Dresser", "Safe",
                                         "Shelf", "SideTable", "TVStand")}),
    "Vase": ObjectKind({"livingroom": ("CoffeeTable", "DiningTable", "Dresser", "Safe", "Shelf",
                                       "SideTable", "TVStand")}),
    "Watch": ObjectKind({"livingroom": (*_LIVING, "Drawer", "Safe")}),
    "AlarmClock": ObjectKind({"bedroom": ("Desk", "Dresser", "Shelf", "SideTable")}),
    "CD": ObjectKind({"bedroom": (*_SLEEPING, "GarbageCan", "Safe")}),
    "Candle": _bathroom(*_BATHING),
    "Cloth": _bathroom(*_BATHING, "BathtubBasin", "SinkBasin", abilities=_CUTTING),
    "HandTowel": _bathroom("Cabinet", "CounterTop", "GarbageCan", "HandTowelHolder", "Toilet"),
    "SoapBar": _bathroom(*_BATHING, "BathtubBasin", "SinkBasin", abilities=_CUTTING),
    "SoapBottle": _bathroom(*_BATHING),
    "SprayBottle": _bathroom(*_BATHING),
    "ToiletPaper": _bathroom(*_BATHING, "ToiletPaperHanger"),
    "Towel": _bathroom("BathtubBasin", "TowelHolder"),
}  # fmt: skip

LAMPS: Mapping[str, ObjectKind] = {
    "DeskLamp": ObjectKind(
        {"bedroom": ("Desk", "Dresser", "SideTable"), "livingroom": ("SideTable",)},
        ("toggleable",),
    ),
    "FloorLamp": ObjectKind({"livingroom": ("ArmChair", "SideTable")}, ("toggleable",)),
}
"""Lamps stay where they stand; every room that has one has exactly one."""
