"""A small site whose users sign in at a License server. Everything that differs from place to place is in the environment."""

import os
from pathlib import Path

from cloudspotlicense import config

# Where the License server is, and what this site is called there.
config.BASE_URL = os.environ.get('LICENSE_URL', 'http://localhost:8000') + '/api/v1'
CLOUDSPOT_LICENSE_APP = os.environ.get('LICENSE_APPLICATION', 'billing')

# What the License server signs its events with; several, separated by blanks, while one replaces another.
LICENSE_WEBHOOK_SECRETS = os.environ.get('LICENSE_WEBHOOK_SECRET', '').split()

# The package keeps the users, with what the License server told of them.
AUTH_USER_MODEL = 'django_cloudspotlicense.CloudspotUser'
LOGIN_URL = 'login'
LOGIN_REDIRECT_URL = 'invoices'
LOGOUT_REDIRECT_URL = 'login'

INSTALLED_APPS = [
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.sessions',
    'django.contrib.messages',
    'billing',
    'django_cloudspotlicense',
]

MIDDLEWARE = [
    # First, so that an event without a signature goes no further.
    'billing.signed_events.SignedEvents',
    'django.middleware.security.SecurityMiddleware',
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.common.CommonMiddleware',
    'django.middleware.csrf.CsrfViewMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
    'django.contrib.messages.middleware.MessageMiddleware',
    'django.middleware.clickjacking.XFrameOptionsMiddleware',
]

TEMPLATES = [
    {
        'BACKEND': 'django.template.backends.django.DjangoTemplates',
        'APP_DIRS': True,
        'OPTIONS': {
            'context_processors': [
                'django.template.context_processors.request',
                'django.contrib.auth.context_processors.auth',
                'django.contrib.messages.context_processors.messages',
            ],
        },
    },
]

ROOT_URLCONF = 'billing.urls'
DATABASES = {
    'default': {
        'ENGINE': 'django.db.backends.sqlite3',
        'NAME': os.environ.get('SITE_DATABASE', Path(__file__).resolve().parent.parent / 'site.sqlite3'),
    }
}
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'

DEBUG = os.environ.get('SITE_DEBUG') == '1'
# Signs the site's own sessions: of your own, and the same for all of its processes.
SECRET_KEY = os.environ['SITE_SECRET_KEY']
ALLOWED_HOSTS = os.environ.get('SITE_HOSTS', 'localhost 127.0.0.1').split()
USE_TZ = True
