"""One peer of benches/deidentify.rs over a folder: processor time a file.

    peers.py dicom-anonymizer|dicognito|gdcmanon IN OUT
"""

import glob
import os
import resource
import subprocess
import sys


def spent():
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def anonymizer():
    from dicomanonymizer import anonymize_dicom_file

    return lambda path, out: anonymize_dicom_file(path, out)


def dicognito():
    import pydicom
    from dicognito.anonymizer import Anonymizer

    tool = Anonymizer()

    def run(path, out):
        dataset = pydicom.dcmread(path)
        tool.anonymize(dataset)
        dataset.save_as(out)

    return run


def gdcmanon(files, out):
    """One process over the folder: its start is shared by all files."""
    folder = os.path.dirname(files[0])
    before = spent()
    command = ["gdcmanon", "--dumb", "--continue", "--empty", "10,10", "--replace", "10,20=X", "--remove", "8,80"]
    subprocess.run([*command, "-i", folder, "-o", out], check=True, capture_output=True)
    return spent() - before


def main():
    peer, folder, out = sys.argv[1:]
    files = sorted(glob.glob(os.path.join(folder, "*.dcm")))
    if peer == "gdcmanon":
        seconds = gdcmanon(files, out)
    else:
        run = {"dicom-anonymizer": anonymizer, "dicognito": dicognito}[peer]()
        run(files[0], os.path.join(out, "first.dcm"))
        before = spent()
        for number, path in enumerate(files):
            run(path, os.path.join(out, f"{number}.dcm"))
        seconds = spent() - before
    print(f"{peer} {1000 * seconds / len(files):.2f} ms of processor time a file")


main()
