"""Deal the units of a suite to shards: parts of the suite that run on different machines.

Each unit has an order of preference among the shards, drawn from its name. A unit whose duration is
not known goes to the first of them. The others, the longest first, go to the first that has room,
or else to the one with least to do. So shards take about equally long, and a unit more or less
moves few others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from ..selection.order import Test
from .durations import UnitDurations
from .plan import hash_of, units_of

_ROOM = 1.02
"""A shard has room up to this multiple of its share of the known durations."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the parts of a suite.

    Attributes:
        number: from 1, and how many shards there are; None for the whole suite.
        tests: its tests, in the order of the suite.
        suite: a hash of the ids of the whole suite.
        deal: a hash of which unit is in which shard.
    """

    number: tuple[int, int] | None
    tests: Sequence[Test]
    suite: str
    deal: str


def shard_of(
    tests: Sequence[Test], number: tuple[int, int], split: str, durations: UnitDurations | None
) -> Shard:
    """Return one shard of a suite.

    Args:
        tests: the whole suite, flat.
        number: that of the shard, from 1, and how many there are.
        split: see `units_of`.
        durations: those of earlier runs, the same for each shard; None to deal by names alone.
    """
    units = units_of(tests, split)
    seconds: dict[str, float] = {}
    for unit in units:
        known = durations.of(unit) if durations is not None else None
        if known is not None:
            seconds[unit.key] = seconds.get(unit.key, 0.0) + known
    dealt = deal((unit.key for unit in units), seconds, number[1])
    own = [tests[place] for unit in units if dealt[unit.key] == number[0] for place in unit.tests]
    words = "".join(f"{shard} {key}\n" for key, shard in sorted(dealt.items()))
    digest = blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return Shard(number, own, hash_of(tests), digest)


def deal(keys: Iterable[str], seconds: Mapping[str, float], shards: int) -> dict[str, int]:
    """Return the number of the shard of each unit, from 1.

    Args:
        keys: the names of the units.
        seconds: how long units take, by their names, as far as it is known.
        shards: how many shards there are.
    """
    names = dict.fromkeys(keys)
    known = sorted(names.keys() & seconds, key=lambda key: (-seconds[key], key))
    room = _ROOM * sum(seconds[key] for key in known) / shards
    load: defaultdict[int, float] = defaultdict(float)
    dealt: dict[str, int] = {}
    for key in known:
        wanted = _preferred(key, shards)
        fits = (shard for shard in wanted if load[shard] + seconds[key] <= room)
        dealt[key] = shard = next(fits, min(wanted, key=load.__getitem__))
        load[shard] += seconds[key]
    return {key: dealt.get(key) or _preferred(key, shards)[0] for key in names}


def _preferred(key: str, shards: int) -> Sequence[int]:
    """Return the shards in the order in which a unit prefers them (rendezvous hashing)."""
    name = key.encode("utf-8", "surrogatepass")

    def rank(shard: int) -> bytes:
        return blake2b(name, digest_size=8, salt=shard.to_bytes(8, "big")).digest()

    return sorted(range(1, shards + 1), key=rank)
