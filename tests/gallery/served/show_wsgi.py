"""A WSGI programme that believes its headers, and shows what its server made of the request."""

import http.cookies
import json
import os
import urllib.parse

RECORDS = os.open(os.environ["GALLERY_RECORDS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
META = ("REMOTE_USER", "AUTH_TYPE", "CONTENT_TYPE", "CONTENT_LENGTH", "REQUEST_URI", "RAW_URI", "SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "wsgi.url_scheme")


def application(environ, start_response):
    """Answers with the record, after writing it down."""
    body = body_of(environ)
    record = json.dumps({
        "method": environ["REQUEST_METHOD"],
        "path": environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
        "variables": [[name, str(value)] for name, value in environ.items() if name.startswith("HTTP_") or name in META],
        "cookies": cookies_of(environ),
        "parameters": [list(pair) for pair in urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, encoding="latin-1")],
        "believes": {"subject": environ.get("HTTP_X_AUTH_SUBJECT"), "roles": environ.get("HTTP_X_AUTH_ROLES"), "user": environ.get("REMOTE_USER")},
        "body": body[:200].decode("latin-1"),
    }).encode()
    # One write to a file that is open for appending: records of two workers do not mix.
    os.write(RECORDS, record + b"\n")
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(record)))])
    return [record]


def body_of(environ):
    """Read for the methods that have one, as applications do; the body of a GET is left where it is."""
    if environ["REQUEST_METHOD"] not in ("POST", "PUT", "PATCH"):
        return b""
    length = environ.get("CONTENT_LENGTH")
    if length:
        return environ["wsgi.input"].read(int(length))
    return environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else b""


def cookies_of(environ):
    """As `http.cookies` reads them."""
    try:
        jar = http.cookies.SimpleCookie(environ.get("HTTP_COOKIE", ""))
    except http.cookies.CookieError:
        return []
    return [[name, morsel.value] for name, morsel in jar.items()]
