#!/usr/bin/env python3
"""Writes codes.tsv: the coded concepts that a de-identified object may hold.

    python3 codes.py > codes.tsv        (needs pydicom 3, MIT License)

The context groups of PS3.16 for anatomy, projection and laterality, as pydicom
carries them, each concept under its SNOMED CT code and its older SNOMED-RT one.
"""

from pydicom.sr._cid_dict import cid_concepts, name_for_cid
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

GROUPS = [244, 4009, 4010, 4011, 4031]


def rows():
    for group in GROUPS:
        for scheme, keywords in cid_concepts[group].items():
            for keyword in keywords:
                for value, (meaning, groups) in concepts[scheme][keyword].items():
                    if group in groups:
                        yield scheme, value, meaning
                        for older, newer in mapping["SRT"].items():
                            if scheme == "SCT" and newer == value:
                                yield "SRT", older, meaning


print("# Coded concepts that a de-identified object may hold; written by codes.py from")
for group in GROUPS:
    print(f"# context group {group} of PS3.16, {name_for_cid[group]}")
print("# scheme\tvalue\tmeaning")
for row in sorted(set(rows())):
    print("\t".join(row))
