"""Which run or change a decision is about: one that is asked about anew has several, and is one call all the same.

Decisions from before do not say. A back-test looks 30 days back, and takes each of them for a call until then.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("policies", "0008_lent_places")]

    operations = [
        migrations.AddField("decision", "subject_id", models.UUIDField(blank=True, null=True)),
    ]
