"""unpack.py WHEEL FOLDER PATTERN...: takes the files that match out of a wheel, flat into a new folder.

Each pattern must match at least one file. A wheel is a zip file; nothing in it is run.
"""

import fnmatch
import os
import shutil
import sys
import zipfile


def main(wheel, folder, *patterns):
    os.makedirs(folder)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for pattern in patterns:
            found = fnmatch.filter(names, pattern)
            if not found:
                sys.exit(f"{os.path.basename(wheel)} holds no {pattern}")
            for name in found:
                target = os.path.join(folder, os.path.basename(name))
                with archive.open(name) as source, open(target, "wb") as copy:
                    shutil.copyfileobj(source, copy)


if __name__ == "__main__":
    main(*sys.argv[1:])
