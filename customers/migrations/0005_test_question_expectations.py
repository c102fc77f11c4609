import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0004_answer_rules'),
    ]

    operations = [
        migrations.AddField(
            model_name='testquestion',
            name='expected_keys',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), blank=True, default=list, help_text='Ids of the FAQs that answer it; any of them is right. Empty when nothing should.', size=None, verbose_name='expected FAQ'),
        ),
        migrations.RunSQL(
            "UPDATE customers_testquestion SET expected_keys = ARRAY[expected_key] WHERE expected_key <> ''",
            "UPDATE customers_testquestion SET expected_key = expected_keys[1] WHERE cardinality(expected_keys) > 0",
        ),
        # What uploads that are being looked over were compared with is shown until they are applied.
        migrations.RunSQL(
            """
            UPDATE customers_faqupload SET report = jsonb_set(report, '{impact}', (
                SELECT coalesce(jsonb_agg(jsonb_set(item, '{expected}', CASE
                    WHEN item->>'expected' = '' THEN '[]'::jsonb ELSE jsonb_build_array(item->'expected') END)), '[]')
                FROM jsonb_array_elements(report->'impact') item))
            WHERE jsonb_typeof(report->'impact') = 'array'
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField(
            model_name='testquestion',
            name='expected_key',
        ),
        migrations.AddField(
            model_name='testquestion',
            name='lang',
            field=models.CharField(blank=True, help_text="The tenant's locale that must answer it. Empty when it is the profile's own.", max_length=35, verbose_name='expected locale'),
        ),
    ]
