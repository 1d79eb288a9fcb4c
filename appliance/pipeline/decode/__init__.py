"""Hostile bytes are parsed here, in a killable child that has no network.

`Decoder` is the parent's side; everything that touches pydicom runs in `child`.
"""

from appliance.pipeline.decode.decoder import DecodeLimits, Decoder, OpenInstance

__all__ = ["DecodeLimits", "Decoder", "OpenInstance"]
