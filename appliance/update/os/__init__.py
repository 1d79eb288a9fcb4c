"""The system image of a box that was flashed with one: fetched, installed beside, tried, kept.

    update unit (network)          installing unit (root, no network)
    choice ─▶ mirror ─ a repository in a folder ─▶ staging ─▶ systemd-sysupdate ─▶ restart
                                                     └ record: states, moves, settling, deciding ┘

The mirror is believed as little as a stick: the installing unit verifies all of it anew, from the
root that came with the box and under a floor of its own.
"""
