"""Is a TCP port of this machine free?"""

import errno
import socket


def port_problem(port: int) -> str:
    """Why a web server cannot listen on ``port`` of localhost, as one sentence; empty when it can."""
    if not 0 < port < 65536:
        return f"{port} is not a port: choose one from 1024 to 65535, as in make run PORT=9000."
    try:
        with socket.socket() as probe:
            # As web servers do: connections that just ended must not count as a server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        if error.errno == errno.EACCES:
            return f"Port {port} is for root only: choose one above 1023, as in make run PORT=9000."
        return f"Port {port} is in use: stop what listens there, or choose another, as in make run PORT={_next(port)}."
    # A browser may ask for localhost over IPv6 first, and would then meet the other program.
    try:
        with socket.create_connection(("::1", port), timeout=0.5):
            return f"Port {port} is in use (IPv6): choose another, as in make run PORT={_next(port)}."
    except OSError:
        return ""


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 9000
