"""The audit trail: who looked, acknowledged, changed, updated, exported and wiped.

One process writes it (`appliance.daemon.access_role`); everything else asks that process over a
local socket. No entry names a patient: a case code leads to one only through this same door.
"""
