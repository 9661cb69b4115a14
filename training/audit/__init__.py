"""The audit of a list by protected characteristics.

Characteristics are joined here, after everything is fitted and scored, and nowhere else (promise
9); nothing found here enters a model.
"""

from training.audit.characteristics import pair_characteristics, read_characteristics
from training.audit.list_audit import ListAudit, audit_list
from training.audit.proxies import Proxies, find_proxies

__all__ = [
    "ListAudit",
    "Proxies",
    "audit_list",
    "find_proxies",
    "pair_characteristics",
    "read_characteristics",
]
