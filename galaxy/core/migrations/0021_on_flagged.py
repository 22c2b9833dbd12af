"""What a workspace does with a version that the marketplace took out for a look."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0020_marketplace_desk")]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="on_flagged",
            field=models.CharField(
                choices=[("go_on", "Let it run on"), ("stop", "Stop it here")], default="go_on", max_length=8
            ),
        ),
    ]
