"""What the service works with: settings, the store, and the model in use."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from models.bundle.folder import Bundle
from serving.errors import ServiceError
from serving.scoring.model_in_use import Champion
from serving.settings import Settings
from serving.store.database import Store, Unit
from serving.store.latest_acts import read_latest_act


@dataclass(frozen=True)
class Service:
    """What every route may use.

    Parameters
    ----------
    settings
        Deployment facts.
    store, unit
        The store and what holds for all of it; ``None`` where none is named.
    champion
        The model in use, looked up anew at every question.
    """

    settings: Settings
    store: Store | None
    unit: Unit | None
    champion: Champion

    @property
    def missing(self) -> tuple[str, ...]:
        """What the service lacks to do its work."""
        wanted = (("bundle", self.champion.find()), ("store", self.store))
        return tuple(name for name, found in wanted if found is None)

    def need_store(self) -> Store:
        """Return the store.

        Raises
        ------
        ServiceError
            If none is named.
        """
        if self.store is None:
            raise ServiceError("no_store", "no store is named", "start with --store")
        return self.store

    def find_past(self) -> int | None:
        """Return the moment that is shown where it is a past one, microseconds UTC: the service
        lives earlier than something that was done in its store. ``None`` in the present.
        """
        if self.settings.now is None or self.store is None:
            return None
        now_us = self.store.clock()
        with self.store.reading() as connection:
            latest_us = read_latest_act(connection)
        return now_us if latest_us is not None and latest_us > now_us else None

    def need_unit(self) -> Unit:
        """Return what holds for the whole store; see :meth:`need_store`."""
        self.need_store()
        assert self.unit is not None
        return self.unit

    def need_bundle(self) -> Bundle:
        """Return the bundle in use.

        Raises
        ------
        ServiceError
            If none is.
        """
        bundle = self.champion.find()
        if bundle is None:
            raise ServiceError("no_bundle", "no model is loaded", "promote one")
        return bundle


def service_of(request: Request) -> Service:
    """Return what the request's application works with."""
    service: Service = request.app.state.service
    return service


async def _find_service(request: Request) -> Service:
    # Not a plain function: each of those costs a thread's turn before the route has its own.
    return service_of(request)


ServiceDep = Annotated[Service, Depends(_find_service)]
"""The parameter of a route that works with the store or the model."""
