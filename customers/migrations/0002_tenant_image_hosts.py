import django.contrib.postgres.fields
from django.db import migrations, models

import customers.models


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="image_hosts",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=253, validators=[customers.models.validate_image_host]),
                blank=True,
                default=list,
                help_text="Hosts whose images answers may show, such as images.shop.example.",
                size=None,
                verbose_name="image hosts",
            ),
        ),
    ]
