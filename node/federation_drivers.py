"""Finding the driver of a federation, and asking its machine to do something."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from federation.errors import LocalProtocolError
from federation.member import Federation
from federation.outputs import Output
from node.errors import BadRequest, NotFound
from node.federation_driver import FederationDriver
from node.learning import refusing


class FederationDrivers(dict[str, FederationDriver]):
    """The drivers of a node's federations, by the federation's name."""

    def find(self, name: str) -> FederationDriver:
        """Raises NotFound."""
        driver = self.get(name)
        if driver is None:
            raise NotFound(
                f"this node is in no federation {name!r}", "list the federations, create it, or join it"
            )
        return driver

    async def ask(self, name: str, call: Callable[[Federation], Sequence[Output]]) -> None:
        """Raises NotFound, and BadRequest for what the machine refuses."""
        driver = self.find(name)
        try:
            with refusing():
                await driver.step(call)
        except LocalProtocolError as error:
            raise BadRequest(str(error)) from None
