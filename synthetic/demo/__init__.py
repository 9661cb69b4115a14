"""The example unit's weeks: invented people work with the service, by the service's own functions.

Nothing here writes a table. What the service draws by itself, its keys and the lots of a sitting,
is drawn anew each time; everything else follows from the records and a seed.
"""
