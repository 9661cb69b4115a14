"""The example unit's people. Nobody is called so: each name begins with SYN and says a role."""

from typing import Final

from serving.persons import Person

IMPORTER: Final = Person("SYN Records Clerk", "administrator", "unit")
SCREENER: Final = Person("SYN Screener", "screener", "police")
DETECTIVE: Final = Person("SYN Detective", "reviewer", "police")
DUTY: Final = Person("SYN Duty Officer", "duty", "police")
PSYCHOLOGIST: Final = Person("SYN Psychologist", "health", "health")
ADVOCATE: Final = Person("SYN Advocate", "reviewer", "advocacy")
PROBATION: Final = Person("SYN Probation Officer", "reviewer", "probation")
TEAM: Final = (DETECTIVE, SCREENER, PSYCHOLOGIST, ADVOCATE, PROBATION)
"""Those who sit around the table at a sitting."""
BY_NAME: Final = {person.name: person for person in TEAM}
