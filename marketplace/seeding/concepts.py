"""What made-up listings are about. Each is made of one concept: a maker, a thing and what is done with it.

Everything follows from the number of a listing and the number of all, so two runs make the same, and a search can be
judged by what a listing was made of instead of by what another search found.
"""

import random
from dataclasses import dataclass
from functools import cached_property

# Fields of work with the things in them: {field: {thing: words that mean the same and stand among its keywords}}.
FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "billing": {"invoice": ("bill", "receipt"), "refund": ("chargeback",), "subscription": ("recurring", "renewal")},
    "sales": {"lead": ("prospect", "enquiry"), "deal": ("opportunity", "pipeline"), "quote": ("estimate", "offer")},
    "support": {"ticket": ("case", "helpdesk"), "survey": ("feedback", "questionnaire"), "macro": ("canned",)},
    "hiring": {"candidate": ("applicant", "resume"), "interview": ("screening",), "vacancy": ("opening", "position")},
    "people": {"employee": ("staff", "worker"), "payslip": ("payroll", "salary"), "absence": ("holiday", "leave")},
    "calendar": {"meeting": ("appointment", "event"), "room": ("venue",), "reminder": ("alarm", "nudge")},
    "documents": {"contract": ("agreement",), "signature": ("esign", "signing"), "template": ("boilerplate",)},
    "files": {"folder": ("directory",), "spreadsheet": ("workbook", "sheet"), "photo": ("picture", "image")},
    "messages": {"email": ("mail", "inbox"), "channel": ("chatroom",), "newsletter": ("mailing", "campaign")},
    "shipping": {"parcel": ("package", "shipment"), "label": ("sticker",), "courier": ("carrier", "haulier")},
    "stock": {"product": ("article", "item"), "warehouse": ("depot", "storage"), "supplier": ("vendor",)},
    "building": {"deployment": ("release", "rollout"), "incident": ("outage", "pager"), "repository": ("codebase",)},
    "data": {"dataset": ("corpus",), "dashboard": ("scoreboard",), "forecast": ("prediction", "projection")},
    "travel": {"booking": ("reservation",), "flight": ("airfare",), "hotel": ("lodging", "accommodation")},
    "events": {"webinar": ("livestream",), "attendee": ("participant", "guest"), "badge": ("nametag",)},
    "learning": {"course": ("lesson", "training"), "certificate": ("diploma",), "exam": ("quiz", "assessment")},
    "property": {"tenant": ("renter", "lodger"), "lease": ("tenancy",), "viewing": ("inspection",)},
    "health": {"patient": ("sufferer",), "prescription": ("medication",), "vaccine": ("immunisation", "jab")},
    "law": {"lawsuit": ("litigation",), "trademark": ("brandmark",), "clause": ("provision",)},
    "farming": {"harvest": ("crop", "yield"), "tractor": ("machinery",), "irrigation": ("watering",)},
}
# What is done: {verb: (method, verb of the scope, how a summary says it)}.
VERBS: dict[str, tuple[str, str, str]] = {
    "create": ("POST", "write", "Creates"),
    "list": ("GET", "read", "Lists"),
    "archive": ("POST", "write", "Archives"),
    "delete": ("DELETE", "delete", "Deletes"),
    "assign": ("POST", "write", "Assigns"),
    "export": ("GET", "read", "Exports"),
}
KINDS = ("action", "transform", "action", "trigger", "action", "pack")  # in turn, after the connector of a maker
PER_MAKER = 25  # listings: a connector, then single acts upon the things of its field
_STARTS = (
    "ba be bo bra bri ca ce cla co da de do dra fa fe fi fla ga ge glo gra ha he ho "
    "ja jo ka ke ki la le lo lu ma me mi mo na ne no pa pe pla po qua ra re ro sa se sta so "
    "ta te to tra va ve vi wa we wi xa ya ze zo"
).split()
_MIDDLES = "l lv m n nd r rt s st v x z lt rd nt lm rn sk pt ct".split()
_ENDS = "ara era ia io ora ix or is on en eo a um us ado ello ista anto elle ino".split()


@dataclass(frozen=True)
class Concept:
    """``thing`` is "" for a connector, which is about all things of its field; ``beside`` is one named in passing."""

    number: int
    maker: str
    field: str
    kind: str
    thing: str
    verb: str
    beside: str

    @cached_property
    def things(self) -> frozenset[str]:
        return frozenset({self.thing} if self.thing else FIELDS[self.field])


def makers(count: int) -> list[str]:
    """Names that sound like products, each once, in an order that never changes; a longer list begins as a shorter."""
    chance = random.Random(7)
    plain = {thing for things in FIELDS.values() for thing in things}
    found: dict[str, None] = {}
    while len(found) < count:
        name = chance.choice(_STARTS) + chance.choice(_MIDDLES) + chance.choice(_ENDS)
        if len(found) > 1_500 or chance.random() < 0.3:
            name = chance.choice(_STARTS) + chance.choice(_MIDDLES) + name
        if name not in plain:
            found[name] = None
    return [name.capitalize() for name in found]


def concepts(count: int) -> list[Concept]:
    """The concepts of ``count`` listings, by number."""
    fields = list(FIELDS)
    names = makers(-(-count // PER_MAKER))
    return [_concept(number, names[number // PER_MAKER], fields) for number in range(count)]


def _concept(number: int, maker: str, fields: list[str]) -> Concept:
    owner, slot = divmod(number, PER_MAKER)
    field = fields[owner % len(fields)]
    things, verbs = list(FIELDS[field]), list(VERBS)
    if slot == 0:
        return Concept(number, maker, field, "connector", "", "", "")
    kind, turn = KINDS[slot % len(KINDS)], slot // len(KINDS) + slot
    thing, beside = things[turn % len(things)], things[(turn + 1 + owner % 2) % len(things)]
    verb = verbs[(slot // 2 + owner) % len(verbs)] if kind == "action" else ""
    return Concept(number, maker, field, kind, thing, verb, beside)
