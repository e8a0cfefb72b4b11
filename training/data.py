"""Reads the packed sets that the generator writes (src/workbench/training_set.rs)."""

import json
from pathlib import Path

import numpy as np

ELEMENTS = {"f32": np.dtype("<f4"), "u8": np.dtype("u1")}


class PackedSet:
    """One set: subjects drawn from `seeds`, each X-rayed `visits` times.

    vertices [S, V, 3] mm, radius then ulna, model frame; measures [S, 4];
    fields [S, visits, 2, 128, 128] u8; context [S, visits, 12];
    poses [S, visits, view, bone, 6].
    """

    def __init__(self, folder, name):
        folder = Path(folder)
        self.description = json.loads((folder / f"{name}.json").read_text())
        if self.description["format"] != "bonebox-training-1":
            raise ValueError(f"{name}: another format")
        packed = folder / f"{name}.bin"
        end = 0
        for array in self.description["arrays"]:
            element = ELEMENTS[array["element"]]
            shape = tuple(array["shape"])
            setattr(self, array["name"], np.memmap(packed, element, "r", array["offset"], shape))
            end = array["offset"] + element.itemsize * int(np.prod(shape))
        if packed.stat().st_size != end:
            raise ValueError(f"{name}: {packed.stat().st_size} bytes where {end} are described")
        self.seeds = range(*self.description["seeds"])


def apart(*sets):
    """Refuses sets that share a subject."""
    seen = set()
    for one in sets:
        seeds = set(one.seeds)
        if seen & seeds:
            raise ValueError(f"{len(seen & seeds)} subjects are in two sets")
        seen |= seeds
