"""When a credential was first written: no refresh moved it, and nobody asked for it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0008_renewed_for_members")]

    operations = [migrations.RemoveField("connectioncredential", "written_at")]
