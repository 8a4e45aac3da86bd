"""What there is in the house, and what is done where. A changed table changes the world, its declaration and its language."""

from __future__ import annotations

THINGS = ("apple", "bowl", "book", "candle", "cup", "hat", "key", "lamp", "plate", "spoon", "towel", "vase")
"""What can be carried."""
FAMILIES: dict[str, dict[str, str]] = {
    "washing": {"sink": "clean", "tub": "rinse", "rack": "dry", "mirror": "polish"},
    "cooking": {"board": "chop", "stove": "heat", "oven": "bake", "counter": "salt"},
    "cooling": {"fridge": "cool", "freezer": "freeze", "window": "air", "cellar": "age"},
    "packing": {"scale": "weigh", "desk": "label", "bench": "wrap", "press": "seal"},
    "mending": {"vice": "glue", "lathe": "sand", "easel": "paint", "stand": "oil"},
}
"""Family of procedures → station → what is done to a thing there."""
STATION = {verb: station for family in FAMILIES.values() for station, verb in family.items()}
"""What is done to a thing → where."""
STORES = ("shelf", "basket", "drawer", "cabinet")
"""Where a procedure may end."""
BEGINNINGS = ("table", "sofa", "porch", "stairs")
"""Where an episode may begin; all things stand there."""
PLACES = (*BEGINNINGS, *STATION.values(), *STORES)
DOORS = ("fridge", "freezer", "oven", "drawer", "cabinet")
"""What is locked when an episode begins: nothing is done at it until it is unlocked."""
NOTHING = "nothing"
"""What an empty hand holds."""
