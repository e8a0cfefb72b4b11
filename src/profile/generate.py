#!/usr/bin/env python3
"""Writes the de-identification table of one edition of DICOM PS3.15 as data.

    generate.py --basic dicom_anonymizer-2.1.0-py3-none-any.whl \
                --options innolitics_confidentiality_profile_attributes_2024b.json \
                > ps3.15_2026c.tsv

The basic actions of the edition come from the PyPI package dicom-anonymizer
2.1.0 (`pip download --no-deps dicom-anonymizer==2.1.0`), the ten option columns
from innolitics/dicom-standard, which holds an older edition; a row that the
older edition lacks has `?` there: its options are not known here. Both licenses
stand in LICENSES.txt. Nothing is typed by hand.
"""

import argparse
import ast
import json
import re
import sys
import zipfile

EDITION, OPTIONS_EDITION = "2026c", "2024b"
MODULE = "dicomanonymizer/dicom_anonymization_databases/dicomfields_2026c.py"
ACTIONS = {
    "D_TAGS": "D", "Z_TAGS": "Z", "X_TAGS": "X", "U_TAGS": "U", "Z_D_TAGS": "Z/D",
    "X_Z_TAGS": "X/Z", "X_D_TAGS": "X/D", "X_Z_D_TAGS": "X/Z/D", "X_Z_U_STAR_TAGS": "X/Z/U*",
}
OPTIONS = [
    "rtnSafePrivOpt", "rtnUIDsOpt", "rtnDevIdOpt", "rtnInstIdOpt", "rtnPatCharsOpt",
    "rtnLongFullDatesOpt", "rtnLongModifDatesOpt", "cleanDescOpt", "cleanStructContOpt", "cleanGraphOpt",
]
HEADINGS = [
    "tag", "basic", "safe_private", "uids", "device", "institution", "characteristics",
    "dates_full", "dates_modified", "descriptors", "structured", "graphics", "name",
]


def tag_text(parts):
    """One tag as eight digits, `x` where the mask of a repeating group is open."""
    group, element = f"{parts[0]:04x}", f"{parts[1]:04x}"
    if len(parts) == 4:
        masks = f"{parts[2]:04x}{parts[3]:04x}"
        return "".join(d if m == "f" else "x" for d, m in zip(group + element, masks))
    return group + element


def basic_rows(wheel):
    """tag -> (action, name) from the module's lists; the comment of a line is the name."""
    source = zipfile.ZipFile(wheel).read(MODULE).decode()
    names = {}
    for match in re.finditer(r"^ *(\([^#\n]*\)),? *# *(.+?) *$", source, re.M):
        names[tag_text(ast.literal_eval(match[1]))] = match[2]
    rows = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign) or node.targets[0].id not in ACTIONS:
            continue
        for parts in ast.literal_eval(node.value):
            tag = tag_text(parts)
            if tag in rows:
                sys.exit(f"{tag} stands in two lists")
            rows[tag] = (ACTIONS[node.targets[0].id], names.get(tag, ""))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--basic", required=True)
    parser.add_argument("--options", required=True)
    arguments = parser.parse_args()
    rows = basic_rows(arguments.basic)
    older = {row["id"].lower(): row for row in json.load(open(arguments.options))}
    # "(gggg,eeee) where gggg is odd": private attributes, no row of the package.
    private = older.pop(next(tag for tag in older if tag.startswith("gggg")))
    older["odd"] = private
    rows["odd"] = (private["basicProfile"], private["name"])
    for tag, row in sorted(older.items()):
        if tag not in rows:
            sys.exit(f"{tag} of {OPTIONS_EDITION} is not in {EDITION}")
        if row["basicProfile"] != rows[tag][0]:
            print(f"note: {tag} {row['basicProfile']} -> {rows[tag][0]}", file=sys.stderr)
    print(f"# edition\t{EDITION}")
    print(f"# options\t{OPTIONS_EDITION}")
    print("# origin\tDICOM PS3.15 Table E.1-1 by way of dicom-anonymizer 2.1.0 (BSD-3-Clause) and")
    print("#\tinnolitics/dicom-standard (MIT); written by generate.py, licenses in LICENSES.txt")
    print("# " + "\t".join(HEADINGS))
    for tag, (action, name) in sorted(rows.items()):
        options = [older[tag].get(o, "-") if tag in older else "?" for o in OPTIONS]
        name = older[tag]["name"] if tag in older else name
        print("\t".join([tag, action, *options, " ".join(name.split())]))


main()
