"""Stores files and asks for storage commitment with pynetdicom.

Usage: pynetdicom_commit.py PORT LISTEN FILE...
LISTEN 0: the report is awaited on the same association; else on that port.
Asks for the files, for one that was never sent, and for the first with another
class. Prints the status of the action and what was reported.
"""

import sys
import threading

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel

port, listen, *files = sys.argv[1:]
came = threading.Event()
report = []


def reported(event):
    report.append((event.event_type, event.event_information))
    came.set()
    return 0x0000, None


handlers = [(evt.EVT_N_EVENT_REPORT, reported)]
entity = AE(ae_title="XRAY")
sets = [dcmread(file) for file in files]
for one in sets:
    entity.add_requested_context(one.SOPClassUID, one.file_meta.TransferSyntaxUID)
entity.add_requested_context(StorageCommitmentPushModel)
if int(listen):
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    server = entity.start_server(("127.0.0.1", int(listen)), block=False, evt_handlers=handlers)
association = entity.associate("127.0.0.1", int(port), ae_title="BONEBOX", evt_handlers=handlers)
assert association.is_established
for file in files:
    assert association.send_c_store(file).Status == 0
references = [(one.SOPClassUID, one.SOPInstanceUID) for one in sets]
references.append((sets[0].SOPClassUID, "1.2.3.999"))
references.append(("1.2.840.10008.5.1.4.1.1.7", sets[0].SOPInstanceUID))
request = Dataset()
request.TransactionUID = "1.2.3.4.5"
request.ReferencedSOPSequence = []
for class_uid, instance_uid in references:
    item = Dataset()
    item.ReferencedSOPClassUID = class_uid
    item.ReferencedSOPInstanceUID = instance_uid
    request.ReferencedSOPSequence.append(item)
status, _ = association.send_n_action(
    request, 1, StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
)
print(f"action {status.Status:04X}")
if int(listen):
    association.release()
assert came.wait(30), "no report came"
kind, information = report[0]
assert information.TransactionUID == "1.2.3.4.5"
failed = [f"{item.FailureReason:04X}" for item in information.get("FailedSOPSequence", [])]
print("event", kind, "held", len(information.get("ReferencedSOPSequence", [])), "failed", *failed)
if int(listen):
    server.shutdown()
else:
    association.release()
