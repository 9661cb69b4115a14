"""People whom the deployment names: professional standards, duty supervisors, seal confirmers.

They are named in the settings, by what the sign-in knows them, and never by anybody who works on a
case: whoever seals one has no say in who looks at the seal.
"""

from dataclasses import dataclass, field
from typing import Final

from features.errors import ConfigError
from serving.settings import Settings

LEAST_STANDARDS: Final = 2
"""People for professional standards on a real store: one of them may be named in a seal, or be a
party."""


@dataclass(frozen=True)
class Overseers:
    """Who is named for what, by what the sign-in knows them.

    Parameters
    ----------
    professional_standards
        People of professional standards.
    on_call
        The one of them who is called at any hour; ``None`` where nobody is named.
    duty_supervisors
        People who open a sealed case for an urgent flag of it.
    seal_confirmers
        People who confirm seals of another agency; nobody else learns of such a seal.
    """

    professional_standards: frozenset[str] = frozenset()
    on_call: str | None = None
    duty_supervisors: frozenset[str] = field(default=frozenset(), repr=False)
    seal_confirmers: frozenset[str] = field(default=frozenset(), repr=False)


NOBODY: Final = Overseers()
"""Of a deployment that names none."""


def name_overseers(settings: Settings) -> Overseers:
    """Return whom the settings name."""
    return Overseers(
        frozenset(settings.professional_standards),
        settings.professional_standards_on_call,
        frozenset(settings.duty_supervisors),
        frozenset(settings.seal_confirmers),
    )


def check_overseers(settings: Settings, *, synthetic: bool) -> None:
    """Check at the start that a service over real cases has people to whom a seal can go.

    Parameters
    ----------
    settings
        Deployment facts.
    synthetic
        Whether every case of the store is invented: then nobody need be named.

    Raises
    ------
    ConfigError
        If the person on call is not one of professional standards; or, over real cases, fewer than
        two people of professional standards, nobody on call, no duty supervisor or nobody who
        confirms seals is named.
    """
    named = name_overseers(settings)
    if named.on_call is not None and named.on_call not in named.professional_standards:
        raise ConfigError(
            "professional_standards_on_call names somebody who is not in professional_standards; "
            "name one of them"
        )
    if synthetic:
        return
    missing = [
        name
        for name, is_there in (
            ("professional_standards", len(named.professional_standards) >= LEAST_STANDARDS),
            ("professional_standards_on_call", named.on_call is not None),
            ("duty_supervisors", bool(named.duty_supervisors)),
            ("seal_confirmers", bool(named.seal_confirmers)),
        )
        if not is_there
    ]
    if missing:
        raise ConfigError(
            f"a store of real cases needs {', '.join(missing)}; name the people by what the "
            f"sign-in knows them, at least {LEAST_STANDARDS} for professional_standards"
        )
