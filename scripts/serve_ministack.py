"""How does the local AWS answer? In one piece: a reply's head goes out with the beginning of its body, as AWS's replies come.

`scripts/ministack` starts it by this. By itself the server writes the head alone. A client in Go that reads a reply of under
a millisecond in two pieces sometimes loses it: it is still busy with its own request, takes it for broken, closes the
connection between the two pieces, and asks again. (HashiCorp's provider did so at one request in eight hundred. A second
DeleteStateMachine is then told that there is no such machine, and `terraform destroy` fails.)
"""

from __future__ import annotations

from typing import Any

import h11
from hypercorn.events import RawData
from hypercorn.protocol.h11 import H11Protocol


async def send_in_one_piece(self: Any, event: Any) -> None:
    """Sends a part of a reply, but keeps the head until what comes next."""
    try:
        data = self.connection.send(event)
    except h11.LocalProtocolError:
        # The caller has gone, as the original has it.
        if self.connection.their_state != h11.ERROR:
            raise
        return
    data = self.__dict__.pop("kept_head", b"") + (data or b"")
    if isinstance(event, h11.Response):
        self.kept_head = data
    else:
        await self.send(RawData(data=data))


def main() -> None:
    """Serves as `ministack` does."""
    assert hasattr(H11Protocol, "_send_h11_event"), "another hypercorn: how does it send a reply?"
    H11Protocol._send_h11_event = send_in_one_piece

    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
