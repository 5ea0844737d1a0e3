"""Lets only events of the License server reach django-cloudspotlicense, which checks no signature itself.

Without this, whoever reaches the address `auth/webhook` can give himself rights. To use it in a site of your own, copy
this file, put the class first in MIDDLEWARE, and set LICENSE_WEBHOOK_SECRETS. It needs nothing but Django and Python.
The signatures are those of https://www.standardwebhooks.com.
"""

import base64
import binascii
import hashlib
import hmac
import time

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import JsonResponse
from django_cloudspotlicense.views import WebhookView

# How old an event may be, and how far ahead the other clock.
TOLERANCE_SECONDS = 5 * 60


class SignedEvents:
    def __init__(self, get_response):
        self.get_response = get_response
        self.keys = [read_secret(secret) for secret in settings.LICENSE_WEBHOOK_SECRETS]

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        # By the view and not by an address, so that it is found wherever the package's URLs are included.
        view_class = getattr(view, 'view_class', None)
        if not (isinstance(view_class, type) and issubclass(view_class, WebhookView)):
            return None
        if is_signed(request.headers, request.body, self.keys, time.time()):
            return None
        message = 'This event has no valid signature of the License server.'
        return JsonResponse({'status': 'FORBIDDEN', 'error': {'message': message}}, status=403)


def read_secret(secret):
    """The key within `whsec_<base64>`."""
    prefix, _, encoded = secret.partition('_')
    try:
        if prefix != 'whsec':
            raise ValueError
        key = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        # Without the secret itself, which would end up in a log.
        raise ImproperlyConfigured('LICENSE_WEBHOOK_SECRETS has one that is not whsec_ and base64') from None
    if len(key) < 24:
        raise ImproperlyConfigured('LICENSE_WEBHOOK_SECRETS has one that is too short')
    return key


def is_signed(headers, body, keys, now):
    """Whether one of the signatures was made with one of these keys, now. Without a key nothing is."""
    message_id = headers.get('webhook-id', '')
    timestamp = headers.get('webhook-timestamp', '')
    # Python reads no endless numbers.
    if not message_id or not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16):
        return False
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f'{message_id}.{timestamp}.'.encode() + body
    wanted = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    told = [word.partition(',') for word in headers.get('webhook-signature', '').split()]
    given = [signature.encode() for version, _, signature in told if version == 'v1']
    # Every one is compared, so that the time tells nothing.
    return any([hmac.compare_digest(one, other) for one in wanted for other in given])
