"""Names that are known are told as registry.names tells them now, so that old and new ones meet."""

from importlib import import_module

from django.db import migrations

skeleton_of = import_module("registry.migrations.0020_one_skeleton").skeleton_of
SHORTEST = 4


def keys_of(look: str) -> list[str]:
    if len(look) < SHORTEST:
        return [look] if look else []
    return sorted({look, *(look[:at] + look[at + 1 :] for at in range(len(look)))})


def tell_anew(apps, schema_editor):
    names = apps.get_model("marketplace", "KnownName").objects.using(schema_editor.connection.alias)
    changed = []
    for row in names.iterator(chunk_size=2_000):
        look = skeleton_of(row.name)
        if look != row.skeleton:
            row.skeleton, row.keys = look, keys_of(look)
            changed.append(row)
    names.bulk_update(changed, ["skeleton", "keys"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0015_bundle_walls"), ("registry", "0020_one_skeleton")]

    operations = [migrations.RunPython(tell_anew, migrations.RunPython.noop)]
