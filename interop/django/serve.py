"""Serves the example site with one release of the published package, over https, until its standard input ends.

Arguments: the certificate's file and its key's. The first line on standard output is {"release": …, "django": …, "url": …}.
"""

import importlib.metadata
import json
import os
import ssl
import sys
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / 'examples' / 'django')]
os.environ['DJANGO_SETTINGS_MODULE'] = 'observed'

import django  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    # Who says nothing keeps nobody else waiting.
    timeout = 30

    def log_message(self, *args):
        """Nothing: standard error is for what went wrong."""


def main(certificate, key):
    django.setup()
    call_command('migrate', verbosity=0)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with make_server('127.0.0.1', 0, get_wsgi_application(), Server, Handler) as server:
        # The handshake is left to each connection's own thread.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        release = importlib.metadata.version('django-cloudspotlicense')
        url = f'https://127.0.0.1:{server.server_port}'
        print(json.dumps({'release': release, 'django': django.get_version(), 'url': url}), flush=True)
        sys.stdin.read()


main(*sys.argv[1:])
