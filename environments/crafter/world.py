"""Crafter's engine, made deterministic across processes and stepped without drawing pixels."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

WINDOW = (9, 7)
"""Cells the player sees, width and height, with the player in the middle."""
REACH = (WINDOW[0] // 2, WINDOW[1] // 2)
VOID = 255
"""Stands in a window for a cell outside the world."""
PICTURE = 450
"""Pixels along each side of a rendered picture."""
_KEPT_WORLDS = 16

_fresh_worlds: OrderedDict[int, bytes] = OrderedDict()
"""Worlds as they were generated, by seed: making one costs 0.8 s, putting one back a few milliseconds."""


class OrderedObjects(dict[Any, None]):
    """A set that keeps the order of insertion, as crafter's chunks use it.

    Crafter draws from plain sets of objects, which are ordered by memory address, so that one seed gives different episodes
    in different processes.
    """

    def add(self, member: Any) -> None:
        """Add a member."""
        self[member] = None

    def remove(self, member: Any) -> None:
        """Remove a member; KeyError if it is absent."""
        del self[member]


class Seen(NamedTuple):
    """An object in the window, in world coordinates."""

    name: str
    x: int
    y: int


class World:
    """One episode of Crafter at a time.

    Args:
        length: Steps after which an episode is truncated.
    """

    def __init__(self, *, length: int) -> None:
        import crafter

        self._env: Any = crafter.Env(seed=0, length=length)
        self._env._obs = _nothing  # drawing would cost 3/4 of the time and draw from the world's random state
        self._env._sem_view = _nothing  # the whole map, which no fair agent may see
        self._numbers = {name: number for number, name in enumerate(self._env.action_names)}
        self.reward = 0.0
        self._done = False

    def reset(self, seed: int) -> None:
        """Begin the episode of a seed."""
        if seed in _fresh_worlds:
            _fresh_worlds.move_to_end(seed)
            self.restore(_fresh_worlds[seed])
            return
        env = self._env
        env._seed, env._episode = seed, 0
        engine_reset = env._world.reset

        def reset_in_order(seed: int | None = None) -> None:
            engine_reset(seed=seed)
            env._world._chunks = defaultdict(OrderedObjects)

        env._world.reset = reset_in_order  # on this instance only, and only until the world is generated
        env.reset()
        del env._world.reset
        self.reward, self._done = 0.0, False
        _fresh_worlds[seed] = self.snapshot()
        while len(_fresh_worlds) > _KEPT_WORLDS:
            _fresh_worlds.popitem(last=False)

    def step(self, action: str) -> None:
        """Take one of crafter's legal actions."""
        _, reward, done, _ = self._env.step(self._numbers[action])
        self.reward += float(reward)
        self._done = bool(done)

    def snapshot(self) -> bytes:
        """Return the whole state; textures and views are not part of it."""
        env = self._env
        state = (env._world, env._player, env._step, env._episode, env._last_health, env._unlocked, self.reward, self._done)
        return pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL)

    def restore(self, token: bytes) -> None:
        """Return to a state."""
        env = self._env
        state = pickle.loads(token)
        env._world, env._player, env._step, env._episode, env._last_health, env._unlocked, self.reward, self._done = state

    def render(self) -> npt.NDArray[np.uint8]:
        """Draw a copy, because the night's noise is drawn from the world's own random state."""
        from crafter import engine

        shown = copy.copy(self._env)
        shown._world, shown._player = copy.deepcopy((self._env._world, self._env._player))
        shown._local_view = engine.LocalView(shown._world, self._env._textures, list(WINDOW))
        shown._size = np.array((PICTURE, PICTURE))
        picture: npt.NDArray[np.uint8] = shown.render()
        return picture

    def window(self) -> tuple[npt.NDArray[np.uint8], list[Seen]]:
        """Return the material numbers the player sees, (9, 7), `VOID` outside the world, and the objects among them."""
        x, y = self.position
        left, top = x - REACH[0], y - REACH[1]
        world = self._env._world
        here = (slice(max(left, 0), left + WINDOW[0]), slice(max(top, 0), top + WINDOW[1]))
        cells, numbers = world._mat_map[here], world._obj_map[here]
        seen = []
        for i, j in zip(*numbers.nonzero(), strict=True):
            body = world._objects[numbers[i, j]]
            name = type(body).__name__.lower()
            if name == "plant" and body.texture == "plant-ripe":
                name = "ripe_plant"
            if name != "player":
                seen.append(Seen(name, int(here[0].start + i), int(here[1].start + j)))
        if cells.shape != WINDOW:
            whole = np.full(WINDOW, VOID, np.uint8)
            i, j = here[0].start - left, here[1].start - top
            whole[i : i + cells.shape[0], j : j + cells.shape[1]] = cells
            cells = whole
        return cells, seen

    @property
    def position(self) -> tuple[int, int]:
        """The player's cell."""
        x, y = self._env._player.pos.tolist()
        return x, y

    @property
    def facing(self) -> tuple[int, int]:
        """Where the player looks."""
        dx, dy = self._env._player.facing
        return int(dx), int(dy)

    @property
    def inventory(self) -> dict[str, int]:
        """Items and vitals, as they are shown on the screen."""
        found: dict[str, int] = self._env._player.inventory
        return found

    @property
    def achievements(self) -> dict[str, int]:
        """How often each achievement was reached in this episode."""
        found: dict[str, int] = self._env._player.achievements
        return found

    @property
    def sleeping(self) -> bool:
        """Whether the player sleeps."""
        return bool(self._env._player.sleeping)

    @property
    def daylight(self) -> float:
        """Brightness of the screen, 0 to 1."""
        return float(self._env._world.daylight)

    @property
    def area(self) -> tuple[int, int]:
        """Width and height of the world."""
        width, height = self._env._area
        return width, height

    @property
    def time(self) -> int:
        """Steps since the episode began."""
        return int(self._env._step)

    @property
    def dead(self) -> bool:
        """Whether the player died."""
        return bool(self._env._player.health <= 0)

    @property
    def over(self) -> bool:
        """Whether the episode ended, by death or because its time ran out."""
        return self._done


def _nothing() -> None:
    return None
