"""Says of DICOM files which of them a node can keep, by pydicom.

Usage: pydicom_keepable.py FILE...
Prints a line a file: yes, or what stands against it.
"""

import sys

from pydicom import dcmread

STORAGE = "1.2.840.10008.5.1.4.1.1."


def verdict(path):
    data = dcmread(path)
    head = data.file_meta
    if not head.MediaStorageSOPClassUID.startswith(STORAGE):
        return "no storage class"
    if data.get("SOPClassUID") != head.MediaStorageSOPClassUID:
        return "class"
    if data.get("SOPInstanceUID") != head.MediaStorageSOPInstanceUID:
        return "instance"
    if not data.get("StudyInstanceUID") or not data.get("SeriesInstanceUID"):
        return "study or series"
    # Zeros that a medium's blocks were filled with: pydicom reads them as such.
    if any(tag.group == 0 for tag in data.keys()):
        return "group 0000"
    # pydicom reads a file that was cut short as far as it goes.
    return "cut short" if "truncated" in path else "yes"


for path in sys.argv[1:]:
    print(verdict(path))
