#!/usr/bin/env python3
"""Writes codes.tsv: the coded concepts that a de-identified object may hold.

    python3 codes.py > codes.tsv        (needs pydicom 3, MIT License)

The context groups of PS3.16 for anatomy, projection, laterality, position and
contrast, as pydicom carries them, each concept under its SNOMED CT code and its
older SNOMED-RT one; besides, all codes of the schemes that the standard itself
defines or fixes: DCM and the units of UCUM. A code of a public list is nobody's.
"""

from pydicom.sr._cid_dict import cid_concepts, name_for_cid
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

GROUPS = [12, 13, 19, 20, 21, 23, 244, 4009, 4010, 4011, 4031, 4052, 7021, 7460, 7464, 10013]
WHOLE = ["DCM", "UCUM"]


def rows():
    for scheme in WHOLE:
        for keyword in concepts[scheme].values():
            for value, (meaning, _) in keyword.items():
                yield scheme, value, meaning
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
print("# and all codes of " + " and ".join(WHOLE))
print("# scheme\tvalue\tmeaning")
seen = set()
for scheme, value, meaning in sorted(set(rows())):
    meaning = meaning.replace("\u200b", "")
    fits = scheme in ("DCM", "SCT", "SRT", "UCUM") and meaning.isascii() and len(meaning) <= 64
    if fits and (scheme, value) not in seen:
        seen.add((scheme, value))
        print("\t".join([scheme, value, meaning]))
