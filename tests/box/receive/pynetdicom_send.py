"""Sends DICOM files with pynetdicom, bytes as they lie there.

Usage: pynetdicom_send.py PORT CALLED CALLING FILE...
Prints a line a file: its status in hexadecimal.
"""

import sys

from pydicom import dcmread
from pynetdicom import AE, _config

_config.STORE_SEND_CHUNKED_DATASET = True

port, called, calling, *files = sys.argv[1:]
entity = AE(ae_title=calling)
for file in files:
    meta = dcmread(file, stop_before_pixels=True).file_meta
    entity.add_requested_context(
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID
    )
association = entity.associate("127.0.0.1", int(port), ae_title=called)
if not association.is_established:
    sys.exit("not established")
for file in files:
    status = association.send_c_store(file)
    print(f"{status.Status:04X}" if "Status" in status else "none")
association.release()
