"""Domains that prove a publisher's name: which there can be, and where their record lies."""

import re

from registry.manifests.hosts import public_suffixes

PREFIX = "_galaxy-publisher."
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}", re.ASCII)
_RESERVED = ("localhost", "local", "internal", "invalid", "onion", "arpa")


def plain_domain(text: str) -> str:
    """``text`` as a domain is written: lower case, no address around it, other letters in their xn-- form.

    Raises ValueError with a sentence.
    """
    domain = text.strip().lower().rstrip(".")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("That is not a domain, such as example.com.") from None
    if len(domain) + len(PREFIX) > 253 or not _DOMAIN.fullmatch(domain):
        raise ValueError("That is not a domain, such as example.com.")
    if domain.rpartition(".")[2] in _RESERVED or domain.rpartition(".")[2].isdigit():
        raise ValueError("That is not a domain that everybody can look up.")
    if public_suffixes(private=True).privatesuffix(domain) is None:
        raise ValueError(f"Names below {domain} belong to many, so it proves nobody's. Give the one that is yours.")
    return domain


def is_record_name(name: str) -> bool:
    """Whether ``name`` is where the record of a domain lies."""
    domain = name.removeprefix(PREFIX)
    try:
        return name != domain and plain_domain(domain) == domain
    except ValueError:
        return False
