"""`python manage.py migrate`, `python manage.py runserver 9000`: as in any Django project."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'billing.settings')
execute_from_command_line(sys.argv)
