"""The DICOM listener: streams each instance, sealed, into the spool.

listener ─▶ association ─▶ dialogue ─▶ sink ─▶ committer, each driving the next. Beside them stand
the pure decisions: protocol (what may follow what), peers (who may come), admission (how many),
negotiation (what is accepted) and header (which object this is); and upkeep, which ends studies and
deletes their files.
"""

from appliance.pipeline.receive.listener import Endpoint
from appliance.pipeline.receive.receiver import Receiver
from appliance.pipeline.receive.settings import Limits, Peer, ReceiverSettings
from appliance.pipeline.receive.upkeep import Upkeep

__all__ = ["Endpoint", "Limits", "Peer", "Receiver", "ReceiverSettings", "Upkeep"]
