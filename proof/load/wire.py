"""As little of an HTTP client as a load needs: the client must not be what is measured."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT_S = 30.0


class Answer(NamedTuple):
    """``status`` is 0 where there was none; ``kind`` then says why. ``size`` is of the body as it came."""

    status: int
    kind: str = ""
    headers: dict[str, str] = {}
    body: bytes = b""

    @property
    def size(self) -> int:
        return len(self.body)


class Wire:
    """Connections to one web process, kept alive and used again."""

    def __init__(self, url: str, headers: dict[str, str]):
        parts = urlsplit(url)
        self._place = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._common = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
        self.opened = 0

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """One request; a kept connection that the server closed meanwhile is replaced once."""
        sent = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
        raw = f"{method} {path} HTTP/1.1\r\n{self._common}{sent}{length}\r\n".encode() + body
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._ask(raw)
        except TimeoutError:
            return Answer(0, "no answer in time")
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            return Answer(0, type(error).__name__)

    async def _ask(self, raw: bytes) -> Answer:
        while self._idle:
            link = self._idle.pop()
            try:
                return await self._exchange(link, raw)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                link[1].close()
                if isinstance(error, asyncio.IncompleteReadError) and error.partial:
                    raise
        self.opened += 1
        return await self._exchange(await asyncio.open_connection(*self._place, limit=1_000_000), raw)

    async def _exchange(self, link: tuple[asyncio.StreamReader, asyncio.StreamWriter], raw: bytes) -> Answer:
        reader, writer = link
        try:
            writer.write(raw)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {}
            for line in lines[1:-2]:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = await self._body(reader, headers, int(lines[0].split(" ", 2)[1]))
        except BaseException:
            writer.close()
            raise
        if headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append(link)
        return Answer(int(lines[0].split(" ", 2)[1]), "", headers, body)

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str], status: int) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            pieces = []
            while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                pieces.append(await reader.readexactly(size))
                await reader.readexactly(2)
            await reader.readuntil(b"\r\n")
            return b"".join(pieces)
        length = int(headers.get("content-length", "0"))
        return await reader.readexactly(length) if length and status != 304 else b""

    async def close(self) -> None:
        while self._idle:
            writer = self._idle.pop()[1]
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
