"""What the driver of a load counts, and how it speaks to a server."""

import asyncio
import time

import pytest

from proof.load import table
from proof.load.traffic import Tally
from proof.load.watching import slope
from proof.load.wire import Answer, Wire


def test_time_is_counted_from_when_a_request_was_due():
    """What waited for the driver itself, or behind a slow answer, is in the figure of whoever waited."""
    tally = Tally()
    tally.add("page: x", time.monotonic() - 3, Answer(200), (200,))
    tally.add("page: x", time.monotonic(), Answer(500), (200,))
    tally.add("page: x", time.monotonic(), Answer(0, "no answer in time"), (200,))
    [row] = table.doors(tally)
    assert row["most"] >= 3000
    assert row["errors"] == {"500": 1, "no answer in time": 1}
    assert not table.holds(tally)


def test_a_rate_holds_where_nothing_failed_and_nobody_waited_long():
    tally = Tally()
    for _ in range(99):
        tally.add("page: x", time.monotonic(), Answer(200), (200,))
    assert table.holds(tally)
    for _ in range(9):
        tally.add("call: y", time.monotonic() - 1, Answer(201), (201,))
    assert not table.holds(tally)


def test_the_slope_is_that_of_the_last_two_thirds():
    rows = [{"at": at, "memory": {"web": 1000 if at < 30 else 500 + at}} for at in range(0, 91, 10)]
    assert slope(rows, "web") == pytest.approx(60)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b""),
    ],
)
def test_the_wire_reads_each_framing_and_keeps_the_connection(sent, body):
    async def go():
        links = 0

        async def serve(reader, writer):
            nonlocal links
            links += 1
            for _ in range(2):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(sent)
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", {"Host": "x"})
        answers = [await wire.ask("GET", "/", {}) for _ in range(2)]
        await wire.close()
        server.close()
        await server.wait_closed()
        return answers, links

    answers, links = asyncio.run(go())
    assert [answer.body for answer in answers] == [body, body]
    assert links == 1


def test_nobody_there_is_an_answer_of_its_own():
    answer = asyncio.run(Wire("http://127.0.0.1:9", {}).ask("GET", "/", {}))
    assert (answer.status, answer.kind) == (0, "ConnectionRefusedError")
