"""SAML 2.0 web browser sign-on, as a service provider: what we ask, and every check of what comes back.

python3-saml verifies the signature, times and schema; what its strict mode leaves open is closed here: a destination,
recipient or audience that is missing or merely begins right, and the request that is answered. Profiles 4.1.4.3 and
Core 2.5.1.4 of SAML 2.0; on wrapped signatures see Somorovsky et al., "On Breaking SAML" (2012).
"""

import hashlib
import time
from typing import Any
from urllib.parse import urlsplit

from allauth.socialaccount.providers.saml.provider import SAMLProvider
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from lxml import etree
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from galaxy.core.sso.configuration import SamlProvider
from galaxy.core.sso.identity import OPERATOR, Identity, SignInRefused, untrusted

_MAPPING = SAMLProvider.default_attribute_mapping
SUBJECT_ATTRIBUTE = "urn:oasis:names:tc:SAML:attribute:subject-id"
EMAIL_ATTRIBUTES = [*_MAPPING["email"], "email", "mail"]
VERIFIED_ATTRIBUTES = [*_MAPPING["email_verified"], "email_verified"]
NAME_ATTRIBUTES = [
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "displayName",
    "name",
]
TRANSFORMS = {
    "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
}
SKEW_S = 600  # the library forgives 300 s between clocks, so an assertion is remembered a little longer than it lives


def begin(provider: SamlProvider, request: HttpRequest) -> tuple[str, str]:
    """The address to send the browser to, and the id of the request in it, which the answer must name."""
    auth = OneLogin_Saml2_Auth(_asked_at(request), _configuration(provider, request))
    url = auth.login(return_to="")
    return url, auth.get_last_request_id()


def metadata(provider: SamlProvider, request: HttpRequest) -> bytes:
    """What the provider has to know of us, as an EntityDescriptor."""
    settings = OneLogin_Saml2_Settings(_configuration(provider, request), sp_validation_only=True)
    text = settings.get_sp_metadata()
    return text if isinstance(text, bytes) else text.encode()


def identify(provider: SamlProvider, request: HttpRequest) -> tuple[Identity, str]:
    """Who came in, and the id of the request of ours that is answered: the caller knows who sent that one.

    The assertion is used up by this, in every process. Raises SignInRefused.
    """
    response = _verified(provider, request)
    in_response_to = response.get_in_response_to()
    values, name_id = response.get_attributes(), response.get_nameid_data()
    subject = _first(values, [SUBJECT_ATTRIBUTE])
    if not subject and name_id.get("Format") == Names.NAMEID_TRANSIENT:
        raise SignInRefused(
            "transient_subject",
            f"{provider.name} gives you another name at each sign-in, so Galaxy cannot know you again.",
            f"It has to send a persistent NameID. {OPERATOR}",
        )
    email = _first(values, [provider.email_attribute] if provider.email_attribute else EMAIL_ATTRIBUTES)
    if not email and not provider.email_attribute and name_id.get("Format") == Names.NAMEID_EMAIL_ADDRESS:
        email = name_id["Value"]
    verified = _first(values, VERIFIED_ATTRIBUTES).lower()
    identity = Identity(
        provider=provider.id,
        issuer=provider.entity_id,
        subject=subject or f"{name_id.get('Format', '')} {name_id['Value']}",
        email=email,
        email_verified=verified in {"true", "1"} if verified else None,
        name=_first(values, NAME_ATTRIBUTES)[:120],
    )
    _use_up(provider, response)
    return identity, in_response_to


def own_address(request: HttpRequest) -> str:
    """Where answers have to be sent, and nowhere else."""
    return request.build_absolute_uri(reverse("core:saml-acs"))


def own_entity_id(provider: SamlProvider, request: HttpRequest) -> str:
    return provider.own_entity_id or request.build_absolute_uri(reverse("core:saml-metadata"))


def _verified(provider: SamlProvider, request: HttpRequest) -> OneLogin_Saml2_Response:
    settings = OneLogin_Saml2_Settings(_configuration(provider, request))
    try:
        response = OneLogin_Saml2_Response(settings, request.POST.get("SAMLResponse", ""))
        _check_shape(response.document)
        response.is_valid(_asked_at(request), raise_exceptions=True)
        _check_addressee(response, to=own_address(request), audience=own_entity_id(provider, request))
    except SignInRefused:
        raise
    except Exception as error:  # the parsers below raise many kinds for what strangers send, and all mean no
        raise untrusted(provider, _reason(error)) from error
    return response


class _Wrong(Exception):
    """``args[0]`` is the reason, in a word."""


def _check_shape(document: etree._Element) -> None:
    """One assertion, where it belongs, signed itself, and every id once: then nothing can be wrapped round it."""
    assertions = document.xpath("//*[local-name()='Assertion']")
    if len(assertions) != 1 or assertions[0].getparent() is not document:
        raise _Wrong("wrapped")
    ids = document.xpath("//@ID")
    references = assertions[0].xpath("./ds:Signature/ds:SignedInfo/ds:Reference", namespaces=Names.NSMAP)
    if len(set(ids)) != len(ids) or [one.get("URI") for one in references] != [f"#{assertions[0].get('ID')}"]:
        raise _Wrong("wrapped" if references else "unsigned")
    if not set(document.xpath("//ds:Transform/@Algorithm", namespaces=Names.NSMAP)) <= TRANSFORMS:
        raise _Wrong("bad_transform")


def _check_addressee(response: OneLogin_Saml2_Response, *, to: str, audience: str) -> None:
    """For us alone, at this very address, in answer to something we asked, and not for ever."""
    asked = response.get_in_response_to()
    if not asked:
        raise _Wrong("unsolicited")
    if response.document.get("Destination") != to:
        raise _Wrong("other_destination")
    if audience not in response.get_audiences():
        raise _Wrong("other_audience")
    for data in response.document.xpath(
        "./saml:Assertion/saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData", namespaces=Names.NSMAP
    ):
        if data.get("InResponseTo") != asked:
            raise _Wrong("other_request")
        if data.get("Recipient") != to:
            raise _Wrong("other_destination")
        if not data.get("NotOnOrAfter"):
            raise _Wrong("endless")


def _use_up(provider: SamlProvider, response: OneLogin_Saml2_Response) -> None:
    """Remember the assertion until it is void by itself. One ``add`` in the shared cache: it has a single winner."""
    left_s = response.get_assertion_not_on_or_after() - time.time() + SKEW_S
    name = hashlib.sha256(f"{provider.entity_id}\n{response.get_assertion_id()}".encode()).hexdigest()
    if not cache.add(f"galaxy:sso:assertion:{name}", True, left_s):
        raise untrusted(provider, "replayed")


def _configuration(provider: SamlProvider, request: HttpRequest) -> dict[str, Any]:
    return {
        "strict": True,
        "sp": {
            "entityId": own_entity_id(provider, request),
            "assertionConsumerService": {"url": own_address(request), "binding": Names.BINDING_HTTP_POST},
            "NameIDFormat": Names.NAMEID_UNSPECIFIED,
        },
        "idp": {
            "entityId": provider.entity_id,
            "singleSignOnService": {"url": provider.sso_url, "binding": Names.BINDING_HTTP_REDIRECT},
            "x509certMulti": {"signing": list(provider.certificates)},
        },
        "security": {
            "wantAssertionsSigned": True,
            "wantAttributeStatement": False,
            "wantNameId": True,
            "requestedAuthnContext": False,
            "rejectDeprecatedAlgorithm": True,
            "allowSingleLabelDomains": True,
        },
    }


def _asked_at(request: HttpRequest) -> dict[str, Any]:
    """The request as the library wants it. Host and scheme are Django's, which believes only a proxy of ours."""
    parts = urlsplit(request.build_absolute_uri())
    return {
        "https": "on" if parts.scheme == "https" else "off",
        "http_host": parts.netloc,
        "script_name": parts.path,
        "get_data": {},
        "post_data": {},
    }


def _first(values: dict[str, list], names: list[str]) -> str:
    """The value of the first attribute of these that has exactly one; two addresses would let a sender choose."""
    for name in names:
        found = values.get(name)
        if found and len(found) == 1 and isinstance(found[0], str):
            return found[0]
    return ""


def _reason(error: Exception) -> str:
    """A word for the log: ours, or the number that python3-saml gives its refusals."""
    if isinstance(error, _Wrong):
        return str(error)
    number = getattr(error, "code", None)
    return f"saml_{number}" if isinstance(number, int) else "unreadable"
