"""Which studies the box lets go, and when: facts → plan. Who carries it out stands in `daemon`.

facts reads the three ledgers; plan decides, and is pure; lived_time is the clock that it counts by.
"""
