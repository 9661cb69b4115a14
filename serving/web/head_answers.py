"""``HEAD`` wherever ``GET`` is: the same status and header, without the body.

Load balancers and monitors ask so. No route is added for it, and none is described: what may be
read may be asked about, under the same rule and with the same line in the access log.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAnswers:
    """Has a ``HEAD`` answered as the ``GET`` of its address is, and keeps the body back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, a ``HEAD`` as a ``GET``."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        # A copy: the server and the log outside go on seeing what was asked.
        inner = {**scope, "method": "GET", "state": scope.setdefault("state", {})}

        async def bare(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(inner, receive, bare)
        finally:
            if "route" in inner:
                scope["route"] = inner["route"]
