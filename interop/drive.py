"""Drives one release of the published Python package from outside, as an application would.

Reads one JSON object a line on standard input and answers each with one JSON line on standard output. The first line is
{"base_url": …}, the only thing about the package that is changed; it is answered with {"release": …}, and may come again, for
another server. Every other line is one call:

    {"application": "crm", "call": "authenticate", "arguments": [name, password], "token": null, "on": null}

It goes to a fresh API object, made with `application` and `token`; with "on" to the object of that name, which is made at
its first use and kept. The answer has one of these keys:

    "returned": value                           the call came back with this
    "raised": "BadCredentials", "message": …    an error that the package tells its users to expect
    "crashed": "KeyError", "message": …         any other one: a person would see a traceback
    "lacking": "get_company_permissions"        this release has no such call

beside "holds", what the object stores after the call, and "requests", what went to the server: [method, path, status].
"""

import importlib.metadata
import json
import logging
import sys

from cloudspotlicense import config
from cloudspotlicense.api import CloudspotLicense_API


class Requests(logging.Handler):
    """What the package sent, as urllib3 logs it: watching changes nothing about the package."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.seen = []
        logger = logging.getLogger('urllib3.connectionpool')
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)

    def emit(self, record):
        # Other lines of this logger, such as "Starting new HTTP connection", have fewer arguments.
        if len(record.args) == 8:
            _scheme, _host, _port, method, path, _version, status, _length = record.args
            self.seen.append([method, path, status])

    def take(self):
        seen, self.seen = self.seen, []
        return seen


def find_call(api, name):
    """The call on the API object, or on its `auth` part, which alone has validate_impersonation."""
    for holder in (api, getattr(api, 'auth', None)):
        found = getattr(holder, name, None)
        if callable(found):
            return found
    return None


def plain(value):
    """The package's objects as plain data: lists by their items(), others by their public attributes."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if callable(getattr(value, 'items', None)):
        return plain(value.items())
    fields = {key: plain(item) for key, item in vars(value).items() if not key.startswith('_')}
    # Every object of the package has these two; they say something only after an error.
    if fields.get('has_error') is False:
        del fields['has_error'], fields['error']
    return fields


def is_expected(error):
    """BadCredentials, NoValidToken, or an Exception that carries the server's message."""
    return type(error) is Exception or type(error).__module__.startswith('cloudspotlicense.')


def perform(step, kept, requests):
    api = kept.get(step.get('on'))
    if api is None:
        # `token` is left out unless there is one, as in the package's own examples.
        token = {} if step.get('token') is None else {'token': step['token']}
        api = CloudspotLicense_API(step['application'], **token)
    if step.get('on') is not None:
        kept[step['on']] = api
    call = find_call(api, step['call'])
    if call is None:
        return {'lacking': step['call'], 'requests': []}
    try:
        answer = {'returned': plain(call(*step['arguments']))}
    except Exception as error:  # whatever it is, the test wants its name
        answer = {'raised' if is_expected(error) else 'crashed': type(error).__name__, 'message': str(error)}
    answer['holds'] = {key: plain(getattr(api, key)) for key in ('token', 'permissions', 'user')}
    answer['requests'] = requests.take()
    return answer


def say(answer):
    # In ASCII, so that lone surrogates survive and no locale matters.
    print(json.dumps(answer), flush=True)


def main():
    kept = {}
    requests = Requests()
    for line in sys.stdin:
        step = json.loads(line)
        if 'base_url' in step:
            config.BASE_URL = step['base_url']
            kept.clear()
            say({'release': importlib.metadata.version('cloudspot-license-api')})
        else:
            say(perform(step, kept, requests))


main()
