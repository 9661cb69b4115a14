"""The store: a unit's system of record, on SQLite and PostgreSQL alike.

Records, scores, lists and decisions are only ever added; every row says in which order it was
stored. What is worked out from them (where a case stands now) lies in tables of its own and can be
made again.
"""
