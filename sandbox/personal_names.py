"""Which data classes the name of a field suggests: by what a manifest declares, and by what such names usually hold.

Names are compared without case and signs, so that ``firstName``, ``first_name`` and ``First-Name`` are one.
"""

import re
from typing import Any

from registry.manifests.schemas import data_classes

ByName = dict[str, frozenset[str]]
# Too many rather than too few: a person who knows better keeps the value with one tick.
_USUAL: dict[str, str] = {
    "address": "address addressline1 addressline2 postaladdress street streetaddress postcode postalcode zip zipcode",
    "birth_date": "birthdate birthday dateofbirth dob",
    "email": "email emailaddress mail",
    "financial": "income salary",
    "government_id": "nationalid passport passportnumber socialsecuritynumber ssn taxid vatid",
    "health": "allergies diagnosis medication",
    "ip_address": "clientip ip ipaddress remoteaddr",
    "location": "coordinates geolocation lat latitude lng lon longitude",
    "name": "name displayname familyname firstname fullname givenname lastname middlename nickname surname username",
    "payment": "accountnumber bankaccount bic cardnumber iban",
    "phone": "cell fax mobile mobilephone phone phonenumber telephone",
    "secret": "accesstoken apikey clientsecret cookie idtoken password refreshtoken secret setcookie token",
}
_BY_USE = {name: frozenset({data_class}) for data_class, names in _USUAL.items() for name in names.split()}


def declared(schema: dict[str, Any]) -> ByName:
    """The classes that ``schema`` declares, by the last name on the way to them; "" for a class of the whole."""
    found: ByName = {}
    for path, data_class in data_classes(schema, ""):
        parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/") if part not in ("", "*")]
        name = plain(parts[-1]) if parts else ""
        found[name] = found.get(name, frozenset()) | {data_class}
    return found


def classes_of(name: str, by_name: ByName) -> frozenset[str]:
    """As declared under that name, or else as such a name is usually used."""
    name = plain(name)
    return (by_name.get(name) if name else None) or _BY_USE.get(name, frozenset())


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
