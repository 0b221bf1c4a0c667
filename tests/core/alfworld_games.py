"""A small household game, written out so that every number of a test can be worked by hand."""

from collections.abc import Mapping
from typing import Any

from retro_core.types import Task

ROOM = """
(define (problem small)
  (:domain alfred)
  (:objects agent1 - agent
    AppleType KnifeType DeskLampType BookType - otype
    FridgeType MicrowaveType ShelfType SinkBasinType DrawerType - rtype
    Apple_bar_1 Apple_bar_2 Knife_bar_1 DeskLamp_bar_1 Book_bar_1 - object
    Fridge_bar_1 Microwave_bar_1 Shelf_bar_1 Sink_bar_1_bar_SinkBasin
    Drawer_bar_1 Drawer_bar_2 - receptacle
    loc_bar_0 loc_bar_1 loc_bar_2 loc_bar_3 loc_bar_4 loc_bar_5 - location)
  (:init
    (= (total-cost) 0)
    (atLocation agent1 loc_bar_0)
    (receptacleType Fridge_bar_1 FridgeType) (receptacleAtLocation Fridge_bar_1 loc_bar_1)
    (receptacleType Microwave_bar_1 MicrowaveType)
    (receptacleAtLocation Microwave_bar_1 loc_bar_2)
    (receptacleType Shelf_bar_1 ShelfType) (receptacleAtLocation Shelf_bar_1 loc_bar_3)
    (receptacleType Sink_bar_1_bar_SinkBasin SinkBasinType)
    (receptacleAtLocation Sink_bar_1_bar_SinkBasin loc_bar_4)
    (receptacleType Drawer_bar_1 DrawerType) (receptacleAtLocation Drawer_bar_1 loc_bar_5)
    (receptacleType Drawer_bar_2 DrawerType) (receptacleAtLocation Drawer_bar_2 loc_bar_5)
    (openable Fridge_bar_1) (openable Microwave_bar_1)
    (openable Drawer_bar_1) (openable Drawer_bar_2)
    (canContain FridgeType AppleType) (canContain ShelfType AppleType)
    (canContain ShelfType KnifeType) (canContain ShelfType BookType)
    (canContain DrawerType BookType) (canContain DrawerType KnifeType)
    (objectType Apple_bar_1 AppleType) (inReceptacle Apple_bar_1 Fridge_bar_1)
    (objectAtLocation Apple_bar_1 loc_bar_1)
    (objectType Apple_bar_2 AppleType) (inReceptacle Apple_bar_2 Sink_bar_1_bar_SinkBasin)
    (objectAtLocation Apple_bar_2 loc_bar_4)
    (pickupable Apple_bar_1) (heatable Apple_bar_1) (coolable Apple_bar_1)
    (cleanable Apple_bar_1) (sliceable Apple_bar_1)
    (pickupable Apple_bar_2) (heatable Apple_bar_2) (coolable Apple_bar_2)
    (cleanable Apple_bar_2) (sliceable Apple_bar_2)
    (objectType Knife_bar_1 KnifeType) (inReceptacle Knife_bar_1 Shelf_bar_1)
    (objectAtLocation Knife_bar_1 loc_bar_3) (pickupable Knife_bar_1)
    (objectType DeskLamp_bar_1 DeskLampType) (inReceptacle DeskLamp_bar_1 Drawer_bar_2)
    (objectAtLocation DeskLamp_bar_1 loc_bar_5) (toggleable DeskLamp_bar_1)
    (objectType Book_bar_1 BookType) (inReceptacle Book_bar_1 Drawer_bar_1)
    (objectAtLocation Book_bar_1 loc_bar_5) (pickupable Book_bar_1))
  (:goal GOAL)
  (:metric minimize (total-cost)))
"""

HOT_APPLE_ON_SHELF = """(and (exists (?r - receptacle) (exists (?o - object)
  (and (heatable ?o) (objectType ?o AppleType) (receptacleType ?r ShelfType)
       (isHot ?o) (inReceptacle ?o ?r)))))"""
# What solves it.
HEAT_AND_PLACE = (
    "go to sinkbasin 1",
    "take apple 1 from sinkbasin 1",
    "go to microwave 1",
    "heat apple 1 with microwave 1",
    "go to shelf 1",
    "move apple 1 to shelf 1",
)
TWO_APPLES_ON_SHELF = """(and (exists (?r - receptacle) (exists (?o1 - object)
  (and (objectType ?o1 AppleType) (receptacleType ?r ShelfType) (inReceptacle ?o1 ?r)
       (exists (?o2 - object) (and (not (= ?o1 ?o2)) (objectType ?o2 AppleType)
         (receptacleType ?r ShelfType) (inReceptacle ?o2 ?r)))))))"""
BOOK_UNDER_LAMP = """(and
  (exists (?ot - object ?r - receptacle ?a - agent ?l - location)
    (and (objectType ?ot DeskLampType) (toggleable ?ot) (isToggled ?ot)
         (receptacleAtLocation ?r ?l) (atLocation ?a ?l) (inReceptacle ?ot ?r)))
  (exists (?o - object ?a - agent) (and (objectType ?o BookType) (holds ?a ?o))))"""


def small_task(goal: str = HOT_APPLE_ON_SHELF, payload: Mapping[str, Any] | None = None) -> Task:
    """The small room with a goal."""
    whole = {"pddl_problem": ROOM.replace("GOAL", goal), **(payload or {})}
    return Task("small", "alfworld", "put a hot apple in shelf", payload=whole)
