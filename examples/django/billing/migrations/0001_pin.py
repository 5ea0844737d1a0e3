from django.db import migrations, models


class AddFieldOfPackage(migrations.AddField):
    """Adds a field to a model of the package. Its own migrations leave out `pin`, which its models have since 5.0."""

    package = 'django_cloudspotlicense'

    def state_forwards(self, app_label, state):
        super().state_forwards(self.package, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        super().database_forwards(self.package, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        super().database_backwards(self.package, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    dependencies = [('django_cloudspotlicense', '0003_alter_cloudspotcompany_users')]
    operations = [AddFieldOfPackage('cloudspotuser', 'pin', models.CharField(max_length=6, blank=True, null=True))]
