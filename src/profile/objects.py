#!/usr/bin/env python3
"""Writes objects.tsv: which attributes the object definitions that may pass have,
where, and of which type (DICOM PS3.3).

    objects.py highdicom-0.28.2-py3-none-any.whl > objects.tsv   (needs pydicom 3)

The definitions come from the PyPI package highdicom 0.28.2 (`pip download --no-deps
highdicom==0.28.2`, MIT License), which carries them as JSON. A line is an attribute
at a place: the sequence around it (`top` for none; the innermost one decides), its
tag, its value multiplicity, and its type in each definition, `-` where it has none.
Where modules differ the stricter type stands. Nothing is typed by hand.
"""

import json
import sys
import zipfile

from pydicom.datadict import dictionary_VM, tag_for_keyword

OBJECTS = {
    "cr": ["computed-radiography-image"],
    "dx": ["digital-x-ray-image"],
    "ct": ["ct-image"],
    "ect": ["enhanced-ct-image"],
    "sr": ["basic-text-sr", "enhanced-sr", "comprehensive-sr", "comprehensive-3d-sr", "x-ray-radiation-dose-sr"],
}
STRICT = ["1", "1C", "2", "2C", "3"]


def main():
    wheel = zipfile.ZipFile(sys.argv[1])
    load = lambda name: json.loads(wheel.read(f"highdicom/_standard/{name}.json"))
    modules, attributes = load("iod_module_map"), load("module_attribute_map")
    table = {}
    for column, (_, names) in enumerate(OBJECTS.items()):
        for name in names:
            for module in modules[name]:
                for row in attributes.get(module["key"], []):
                    path = row["path"]
                    tag, parent = tag_for_keyword(row["keyword"]), tag_for_keyword(path[-1]) if path else 0
                    if tag is None or parent is None or row["type"] not in STRICT:
                        continue
                    types = table.setdefault((parent, tag), ["-"] * len(OBJECTS))
                    both = [t for t in (types[column], row["type"]) if t != "-"]
                    types[column] = min(both, key=STRICT.index)
    print("# origin\tDICOM PS3.3 by way of highdicom 0.28.2 (MIT); written by objects.py, license in LICENSES.txt")
    print("# around\ttag\tvm\t" + "\t".join(OBJECTS))
    for (parent, tag), types in sorted(table.items()):
        around = f"{parent:08x}" if parent else "top"
        print("\t".join([around, f"{tag:08x}", dictionary_VM(tag), *types]))


main()
