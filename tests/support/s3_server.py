"""A local S3 server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

KEY = "AKIATEST"


class _Silent(WSGIRequestHandler):
    def log(self, *args: object) -> None:
        pass


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve for the time of the block, and yield the address `HOST:PORT`; any key is accepted."""
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def bucket_uri(server: str, bucket: str) -> str:
    """Return the URI of a folder in a new bucket, with the key and the address, so that any process can use it."""
    return (
        f"s3://{KEY}:secret@{bucket}/runs?endpoint_override={server}&scheme=http&region=us-east-1"
        "&allow_bucket_creation=true"
    )
