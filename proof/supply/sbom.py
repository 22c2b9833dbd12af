"""The bill of materials of a lock file: CycloneDX 1.6 as JSON, the same bytes for the same lock.

There is no time in it and no random number: its serial number is made of the lock, so that two of them can be compared.
Each package has the hashes of every file by which it may come, as its one lock has to do for every machine.
"""

import json
import re
from importlib import metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import LicenseAcknowledgement, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import InvalidRequirement, Requirement

from proof.supply.licences import licence_of
from proof.supply.locked import ROOT, Locked, read_lock

_GALAXY = "galaxy"


def bill_of(lock: Path) -> str:
    """The text of the bill of what ``lock`` names. Raises NotLocked."""
    packages = {package.name: package for package in read_lock(lock)}
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, lock.read_text(encoding="utf-8")))
    bom.metadata.component = Component(
        name=_GALAXY, version=_own_version(), type=ComponentType.APPLICATION, bom_ref=_GALAXY
    )
    bom.components = [_component(package) for package in packages.values()]
    refs = {component.name: component.bom_ref for component in bom.components}
    bom.dependencies = [
        Dependency(refs[name], [Dependency(refs[one]) for one in sorted(needed)])
        for name, needed in ((name, _needed(name, packages)) for name in packages)
    ]
    required = {one for name in packages for one in _needed(name, packages)}
    wanted = [Dependency(ref) for name, ref in refs.items() if name not in required]
    bom.dependencies.add(Dependency(bom.metadata.component.bom_ref, wanted))
    content = json.loads(JsonV1Dot6(bom).output_as_string())
    del content["metadata"]["timestamp"]
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def problem_of(text: str) -> str:
    """What makes ``text`` no bill by CycloneDX's own schema; "" where nothing does."""
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return "" if found is None else str(found)


def _component(package: Locked) -> Component:
    address = PackageURL("pypi", name=package.name, version=package.version)
    licence = licence_of(package)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=address,
        bom_ref=str(address),
        licenses=[LicenseExpression(licence, acknowledgement=LicenseAcknowledgement.CONCLUDED)] if licence else [],
        properties=[Property(name="galaxy:marker", value=package.marker)] if package.marker else [],
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(str(address)),  # hashes may stand only at a reference: this one says what, and no host
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in package.hashes],
            )
        ],
    )


def _needed(name: str, packages: dict[str, Locked]) -> set[str]:
    """Which of the packages it requires on this machine, as far as it is installed here."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return set()
    found = set()
    for line in lines:
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue
        other = re.sub(r"[-_.]+", "-", needed.name).lower()
        if other in packages and other != name and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
            found.add(other)
    return found


def _own_version() -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    return found[1] if found else "0"
