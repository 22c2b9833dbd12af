"""Each name under which something is published already becomes a publisher of the people who run Galaxy."""

import secrets

from django.db import migrations
from django.utils.text import slugify


def skeleton_of(name: str) -> str:
    """As registry.lookalikes makes it of a name in ASCII."""
    text = name.casefold().translate(str.maketrans("01|!35@$", "olllesas"))
    text = "".join(letter for letter in text if letter.isalnum())
    for pair, like in (("rn", "m"), ("vv", "w"), ("cl", "d"), ("i", "l")):
        text = text.replace(pair, like)
    return text


def make_owners(apps, schema_editor):
    alias = schema_editor.connection.alias
    extensions = apps.get_model("registry", "Extension").objects.using(alias).filter(workspace=None, owner=None)
    publishers = apps.get_model("registry", "Publisher").objects.using(alias)
    for name in sorted(set(extensions.values_list("publisher", flat=True))):
        owner = publishers.filter(name=name).first() or publishers.create(
            name=name,
            slug=slugify(name) or secrets.token_hex(4),
            skeleton=skeleton_of(name),
            token=secrets.token_urlsafe(24),
        )
        extensions.filter(publisher=name).update(owner=owner)


class Migration(migrations.Migration):
    dependencies = [("registry", "0014_signatures_stay")]

    operations = [migrations.RunPython(make_owners, migrations.RunPython.noop)]
