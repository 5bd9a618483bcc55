"""What rentmatch knows about rent money: facts, views, breaks, late stages, calendars.

Pure: no I/O, no clock, no randomness. State is the set of facts learned; every view is a function
of those facts and the instant it is asked for.
"""
