from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0005_measures")]

    operations = [
        migrations.AddField(
            model_name="queue",
            name="shows_gold",
            field=models.BooleanField(
                default=True, help_text="After an answer to a gold item the decision is shown"
            ),
        ),
    ]
