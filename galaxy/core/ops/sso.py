"""How single sign-on stands: what is set up, whether the provider can be reached, and what would keep people out."""

import xmlsec
from django.conf import settings

from galaxy.core.ops.conditions import BAD, GOOD, WARN, Condition
from galaxy.core.sso import oidc
from galaxy.core.sso.configuration import OidcProvider, Provider, SamlProvider, origin_of
from galaxy.core.sso.identity import ProviderFailed


def single_sign_on() -> list[Condition]:
    """One condition for each provider, or one that says there is none."""
    if not settings.GALAXY_SSO:
        return [Condition("single sign-on", GOOD, "No provider is set up: people sign in by password or passkey.")]
    return [_oidc(one) if isinstance(one, OidcProvider) else _saml(one) for one in settings.GALAXY_SSO]


def _oidc(provider: OidcProvider) -> Condition:
    name = "OpenID Connect"
    try:
        found = oidc.discovery(provider, fresh=True)
    except ProviderFailed as error:
        return Condition(
            name,
            BAD,
            f"{provider.name} cannot be used ({error.reason}).",
            "Nobody can sign in by it; passwords and passkeys go on working.",
            "See that it answers from here, and that GALAXY_OIDC_ISSUER is the issuer it names, to the letter.",
        )
    if origin_of(found["authorization_endpoint"]) not in {provider.origin, *settings.GALAXY_SSO_REDIRECT_ORIGINS}:
        return Condition(
            name,
            BAD,
            f"{provider.name} signs people in at another origin than its issuer's.",
            "Browsers stop on the way there, since the page's policy does not name it.",
            "Add the origin of its authorization_endpoint to GALAXY_SSO_REDIRECT_ORIGINS.",
        )
    if "S256" not in found.get("code_challenge_methods_supported", ["S256"]):
        return Condition(
            name,
            WARN,
            f"{provider.name} does not know PKCE with S256.",
            "A stolen code could be used by whoever also has the client's secret.",
            "Switch PKCE on at the provider.",
        )
    return Condition(name, GOOD, _words(provider))


def _saml(provider: SamlProvider) -> Condition:
    name = "SAML"
    try:
        for one in provider.certificates:
            xmlsec.Key.from_memory(one.encode(), xmlsec.constants.KeyDataFormatCertPem)
    except xmlsec.Error:
        return Condition(
            name,
            BAD,
            f"A certificate of {provider.name} cannot be read.",
            "No answer signed with it verifies, so nobody can sign in by it.",
            "Copy the provider's signing certificate in PEM form into GALAXY_SAML_CERTIFICATE_FILE.",
        )
    return Condition(name, GOOD, _words(provider))


def _words(provider: Provider) -> str:
    many = "one domain" if len(provider.domains) == 1 else f"{len(provider.domains)} domains"
    confirmed = "even where it does not say they are confirmed" if provider.trusts_email else "if it says so"
    return f"{provider.name} may vouch for the addresses of {many}, {confirmed}."
