"""The example site as it is, and beside it a page that tells what the package stored; without the middleware where that is asked for."""

import logging
import os

from billing.settings import *  # noqa: F403

ROOT_URLCONF = 'observed_urls'

if os.environ['SITE_CHECKS_SIGNATURES'] == '0':
    MIDDLEWARE.remove('billing.signed_events.SignedEvents')  # noqa: F405

# The package stores a password that nobody ever uses; a slow hash of it shows nothing here.
PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']


class Short(logging.Formatter):
    """What failed, and with what error, in a line: whoever reads a failed test wants no code of the package there."""

    def format(self, record):
        kind, error = (record.exc_info or (None, None))[:2]
        return record.getMessage() + (f': {kind.__name__}: {error}' if kind else '')


LOGGING = {
    'version': 1,
    'disable_existing_loggers': False,
    'formatters': {'short': {'()': Short}},
    'handlers': {'console': {'class': 'logging.StreamHandler', 'formatter': 'short'}},
    'loggers': {'django': {'handlers': ['console'], 'level': 'ERROR'}},
}
