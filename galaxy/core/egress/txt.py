"""TXT records, looked up by sandboxd: the one question that Galaxy asks the domain name system for somebody else."""

from collections.abc import Sequence

from django.conf import settings

from galaxy.core.errors import DomainError

SECONDS = 4.0
MOST_RECORDS, MOST_CHARACTERS = 50, 512


class LookupFailed(DomainError):
    """No answer came, so nothing is known: neither that the record is there nor that it is not."""

    status = 503
    code = "lookup_failed"
    next_step = "Try again in a few minutes."


def txt_records(name: str, nameservers: Sequence[str] | None = None, seconds: float = SECONDS) -> list[str]:
    """The texts under ``name``, at most 50 of 512 characters; none where there is no such name or record.

    ``nameservers`` are addresses, ``host`` or ``host:port``; left out, the setting's, else the system's. Raises
    LookupFailed.
    """
    import dns.exception  # here, since of all processes only sandboxd looks names up
    import dns.nameserver
    import dns.resolver

    servers = settings.GALAXY_NAMESERVERS if nameservers is None else nameservers
    try:
        resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(host, int(port or 53))
                for host, _, port in (server.partition(":") for server in servers)
            ]
        answer = resolver.resolve(f"{name}.", "TXT", lifetime=seconds, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise LookupFailed(f"Nobody answered what stands under {name}.") from error
    found = [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
    return [text[:MOST_CHARACTERS] for text in found[:MOST_RECORDS]]
