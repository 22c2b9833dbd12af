"""Names to addresses, once per call, in bounded time."""

import queue
import socket
import threading
from typing import Protocol

from galaxy.core.egress import addresses
from galaxy.core.egress.refusals import Refused

_MOST_ADDRESSES = 32
_MOST_TRIED = 3  # one after the other while none was reached


class Resolver(Protocol):
    def resolve(self, host: str, seconds: float) -> list[str]:
        """All addresses of ``host`` as text, best first. Raises Refused when there are none within ``seconds``."""


def public_addresses(resolver: Resolver, host: str, seconds: float) -> list[str]:
    """Where to connect to. One address that is not public spoils the others: somebody plays with the name.

    Raises Refused.
    """
    found = resolver.resolve(host, seconds)
    for address in found:
        reason = addresses.refusal(address)
        if reason:
            raise Refused("address_not_public", f"The address of {host} is not public: it is {reason}.")
    return found[:_MOST_TRIED]


class SystemResolver:
    """Asks the system's resolver, which takes no deadline: hence a thread, and a limit on how many may hang."""

    def __init__(self, most_at_once: int = 16):
        self._slots = threading.BoundedSemaphore(most_at_once)

    def resolve(self, host: str, seconds: float) -> list[str]:
        if not self._slots.acquire(timeout=max(seconds, 0)):
            raise Refused("dns_failed", f"The name {host} was not looked up: too many look-ups are under way.")
        answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
        # A daemon, so that a look-up which hangs does not keep the process from ending.
        threading.Thread(target=self._look_up, args=(host, answers), name="egress-dns", daemon=True).start()
        try:
            answer = answers.get(timeout=max(seconds, 0))
        except queue.Empty:
            raise Refused("dns_failed", f"The name {host} was not resolved in time.") from None
        if isinstance(answer, OSError):
            raise Refused("dns_failed", f"The name {host} has no address.") from answer
        return answer

    def _look_up(self, host: str, answers: queue.SimpleQueue) -> None:
        try:
            # The dot at the end keeps search domains of this machine from being tried (resolv.conf, ndots).
            found = socket.getaddrinfo(f"{host}.", None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            # A scope after "%" stays in the text, so that the table of addresses refuses it.
            answers.put(list(dict.fromkeys(str(address[0]) for *_, address in found))[:_MOST_ADDRESSES])
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))
        finally:
            self._slots.release()
