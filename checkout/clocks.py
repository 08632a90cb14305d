"""What time it is: the machine's clock, or the sandbox's when the service is told to follow it."""

from datetime import UTC, datetime, timedelta

import httpx


def machine_clock() -> datetime:
    return datetime.now(UTC)


class SandboxFollower:
    """A clock that runs ahead of the machine's as far as the sandbox's does, so that days can be played in seconds."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return machine_clock() + self._ahead

    async def close(self) -> None:
        await self._client.aclose()

    async def refresh(self) -> None:
        """Ask the sandbox what time it is there; where it does not answer, go on as before."""
        try:
            answer = await self._client.get("/_sandbox/clock")
            ahead = datetime.fromisoformat(answer.json()["now"]) - machine_clock()
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return
        # Below this it is only the time that the answer took.
        self._ahead = ahead if abs(ahead) > timedelta(seconds=2) else timedelta(0)
