"""A name server on this machine: it answers TXT questions from ``records``, and can be told to fail."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class NameServer:
    """``records`` maps names to texts; a name that is not there does not exist. ``fails``: every answer is SERVFAIL."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.fails = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                data, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(data)).to_wire(), peer)

    def close(self) -> None:
        self._socket.close()

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name = query.question[0].name
        text = name.to_text(omit_final_dot=True)
        self.asked.append(text)
        if self.fails:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif text not in self.records:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            for record in self.records[text]:
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", record))
        return answer


@contextmanager
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    threading.Thread(target=server.serve, daemon=True).start()
    try:
        yield server
    finally:
        server.close()
