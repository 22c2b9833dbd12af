"""How names of publishers look is told as for names of extensions from now on, so what is stored is told anew."""

import unicodedata

from confusable_homoglyphs.confusables import confusables_data
from django.db import migrations

UNSEEN = {"Mn", "Me", "Cf", "Cc"}
READ_AS = str.maketrans(
    {"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "|": "l", "!": "l", "@": "a"}
    | {"$": "s", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"}
    | dict(zip("кмнтьβεζηκτχω", "kmhtbbeznktxw", strict=True))
)


def skeleton_of(text: str) -> str:
    """As registry.names makes it at the time of this migration."""
    plain = unicodedata.normalize("NFKD", text[:120])
    spelled = "".join(latin(sign) for sign in plain if unicodedata.category(sign) not in UNSEEN)
    folded = unicodedata.normalize("NFKD", spelled.casefold()).translate(READ_AS)
    letters = "".join(sign for sign in folded if sign.isalnum())
    for many, one in (("rn", "m"), ("vv", "w"), ("cl", "d"), ("i", "l")):
        letters = letters.replace(many, one)
    return letters


def latin(sign: str) -> str:
    if sign.isascii():
        return sign
    alike = (one["c"] for one in confusables_data.get(sign, ()))
    return next((one for one in alike if one.isascii() and one.isalnum()), sign)


def tell_anew(apps, schema_editor):
    """Two that look alike by this measure and did not before both stay: the younger keeps a look of its own."""
    publishers = apps.get_model("registry", "Publisher").objects.using(schema_editor.connection.alias)
    rows = list(publishers.order_by("created_at", "pk"))
    schema_editor.execute("ALTER TABLE registry_publisher DISABLE TRIGGER name_stays")
    for row in rows:  # out of each other's way first: they are unique
        publishers.filter(pk=row.pk).update(skeleton=f"~{row.pk}")
    taken: set[str] = set()
    for row in rows:
        look = skeleton_of(row.name) or row.skeleton
        look = f"{look}~{row.slug}" if look in taken else look
        taken.add(look)
        publishers.filter(pk=row.pk).update(skeleton=look)
    schema_editor.execute("ALTER TABLE registry_publisher ENABLE TRIGGER name_stays")


class Migration(migrations.Migration):
    dependencies = [("registry", "0019_names_go_over")]

    operations = [migrations.RunPython(tell_anew, migrations.RunPython.noop)]
