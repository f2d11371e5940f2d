"""A legacy application: a WSGI programme that believes its headers.

gunicorn folds `-` and `_` of a header's name into the same variable, joins repeated ones, and this application
shows what it was left with. It has no idea what a token is.
"""

import json


def application(environ, start_response):
    """Answers with every variable that came from the request."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    seen = {name: value for name, value in environ.items() if name.startswith("HTTP_") or name in ("REQUEST_METHOD", "QUERY_STRING", "PATH_INFO", "RAW_URI", "REMOTE_USER")}
    answer = json.dumps({"seen": seen, "body_bytes": len(body)}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
