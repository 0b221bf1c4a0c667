from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0006_queue_shows_gold")]

    operations = [
        migrations.AddField(
            model_name="response",
            name="said_at",
            field=models.DateTimeField(
                help_text="When it was first given, where it was given again", null=True
            ),
        ),
    ]
