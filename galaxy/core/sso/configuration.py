"""Which providers there are, from the environment. Imports nothing of Django: the settings read it.

One OpenID Connect and one SAML provider at most. With nothing set there is no button, and each route is a 404.
"""

import re
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from galaxy.env import SettingError, env_bool, env_list, env_str

OIDC, SAML = "oidc", "saml"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Provider:
    """``domains`` are those of e-mail addresses it may vouch for, in small letters.

    Where ``trusts_email``, an address in them counts as confirmed though the provider does not say so; where it says
    the opposite, that holds.
    """

    id: ClassVar[str]
    name: str
    domains: frozenset[str]
    trusts_email: bool

    def vouches_for(self, address: str) -> bool:
        return address.rpartition("@")[2].lower() in self.domains


@dataclass(frozen=True)
class OidcProvider(Provider):
    issuer: str
    client_id: str
    client_secret: str
    id: ClassVar[str] = OIDC

    @property
    def origin(self) -> str:
        return origin_of(self.issuer)


@dataclass(frozen=True)
class SamlProvider(Provider):
    """``certificates`` are PEM texts: two while the provider changes its key."""

    entity_id: str
    sso_url: str
    certificates: tuple[str, ...]
    email_attribute: str
    own_entity_id: str
    id: ClassVar[str] = SAML

    @property
    def origin(self) -> str:
        return origin_of(self.sso_url)


def providers_from_environment(*, hardened: bool) -> tuple[OidcProvider | SamlProvider, ...]:
    """The providers that are set up. Raises SettingError for half of one, and for addresses without TLS."""
    return (*_oidc(hardened), *_saml(hardened))


def domains_from_environment(name: str) -> frozenset[str]:
    """Domains of e-mail addresses, with commas. Raises SettingError for anything else: there is no wildcard."""
    found = [domain.lower().removeprefix("@") for domain in env_list(name)]
    for domain in found:
        if not _DOMAIN.fullmatch(domain):
            raise SettingError(f"{name} holds {domain!r}; write domains such as example.com, with commas.")
    return frozenset(found)


def origins_from_environment(name: str) -> tuple[str, ...]:
    found = env_list(name)
    for origin in found:
        if origin_of(origin) != origin:
            raise SettingError(f"{name} holds {origin!r}; write origins such as https://login.example.com.")
    return tuple(found)


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_safe(url: str, *, hardened: bool) -> bool:
    """Whether a provider may be asked at ``url``: https, or in development this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK and not hardened)


def _oidc(hardened: bool) -> tuple[OidcProvider, ...]:
    values = _all_or_none(
        "GALAXY_OIDC_ISSUER", "GALAXY_OIDC_CLIENT_ID", "GALAXY_OIDC_CLIENT_SECRET", "GALAXY_OIDC_DOMAINS"
    )
    if values is None:
        return ()
    issuer, client_id, client_secret, _ = values
    _check("GALAXY_OIDC_ISSUER", issuer, hardened)
    return (
        OidcProvider(
            name=env_str("GALAXY_OIDC_NAME", "single sign-on"),
            domains=domains_from_environment("GALAXY_OIDC_DOMAINS"),
            trusts_email=env_bool("GALAXY_OIDC_TRUSTS_EMAIL", False),
            issuer=issuer,
            client_id=client_id,
            client_secret=client_secret,
        ),
    )


def _saml(hardened: bool) -> tuple[SamlProvider, ...]:
    values = _all_or_none(
        "GALAXY_SAML_ENTITY_ID", "GALAXY_SAML_SSO_URL", "GALAXY_SAML_CERTIFICATE", "GALAXY_SAML_DOMAINS"
    )
    if values is None:
        return ()
    entity_id, sso_url, text, _ = values
    _check("GALAXY_SAML_SSO_URL", sso_url, hardened)
    certificates = tuple(_CERTIFICATE.findall(text))
    if not certificates:
        raise SettingError("GALAXY_SAML_CERTIFICATE holds no certificate; write one or two in PEM form.")
    return (
        SamlProvider(
            name=env_str("GALAXY_SAML_NAME", "company account"),
            domains=domains_from_environment("GALAXY_SAML_DOMAINS"),
            trusts_email=env_bool("GALAXY_SAML_TRUSTS_EMAIL", False),
            entity_id=entity_id,
            sso_url=sso_url,
            certificates=certificates,
            email_attribute=env_str("GALAXY_SAML_EMAIL_ATTRIBUTE"),
            own_entity_id=env_str("GALAXY_SAML_OWN_ENTITY_ID"),
        ),
    )


def _all_or_none(*names: str) -> list[str] | None:
    values = [env_str(name) for name in names]
    if not any(values):
        return None
    missing = [name for name, value in zip(names, values, strict=True) if not value]
    if missing:
        raise SettingError(f"{', '.join(missing)} must be set too: half a provider signs nobody in.")
    return values


def _check(name: str, url: str, hardened: bool) -> None:
    if not is_safe(url, hardened=hardened):
        raise SettingError(f"{name} is {url!r}; write an https address without a password and without #.")
