"""Children that do dangerous work (decoding, inference) and may be killed at any instant.

`Child` is the parent's side: it starts `python -m MODULE`, hands it arrays, and gets a bounded
answer or a `ChildError` before the deadline. `serve` is the child's side. Nothing is ever
unpickled: headers are JSON, arrays are raw bytes in sealed memory.
"""

from appliance.childprocess.confinement import Limits
from appliance.childprocess.parent import Child, ChildError, Fault
from appliance.childprocess.serving import serve
from appliance.childprocess.wire import Message

__all__ = ["Child", "ChildError", "Fault", "Limits", "Message", "serve"]
