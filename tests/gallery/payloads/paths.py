"""Rows P1 to P8: a target that the gate reads as `/public` or anything else, and the application as `/admin`."""

from .payload import FORGERIES, PROBE, TOKEN, Family, Maker

TARGETS = [
    "/admin", "/admin/", "/admin/secret", "/admin?x=/public/", "/admin#/public/", "/admin%23/public/", "/admin%3f/public/", "/admin?/../public/",
    "/public/../admin", "/public/%2e%2e/admin", "/public/.%2e/admin", "/public/%2E./admin", "/public/%2e%2e%2fadmin", "/public/..%2fadmin", "/public%2f..%2fadmin", "/public/./../admin", "/public/x/../../admin",
    "/public/../ADMIN/../admin", "/public/...//../admin", "/public\\..\\admin", "/public/..\\admin", "/public/..%5cadmin", "/public%5c..%5cadmin", "/public/%252e%252e/admin", "/public/%252e%252e%252fadmin", "/public/%25252e%25252e/admin",
    "/public/%c0%ae%c0%ae/admin", "/public/%c0%ae%c0%ae%c0%afadmin", "/public/%e0%80%ae%e0%80%ae/admin", "/public/%uff0e%uff0e/admin", "/public/\u2025/admin", "/public/%00/../admin", "/admin%00", "/public%00/../admin", "/admin%00/public/",
    "//public/../admin", "/public//../admin", "//admin", "///admin/secret", "/admin//secret", "//gallery/admin", "/./admin", "/%2e/admin", "/.//admin", "/x/../admin", "/%2fadmin", "/%2f/admin", "/%5cadmin", "/\\admin", "\\admin",
    "/public/..;/admin", "/public/..;x=y/admin", "/public;x/../admin", "/public;/..;/admin", "/..;a=b/admin", "/;/admin", "/;x/admin", "/admin;", "/admin;x", "/admin;x/secret", "/admin;a=b;c=d/secret", "/%3b/admin", "/admin%3bx", "/admin%3bx/secret", "/x;/../admin", "/public/%2e%2e;/admin", "/.;/admin", "/.;x/admin/secret",
    "/ADMIN", "/Admin/secret", "/%61dmin", "/%61%64%6d%69%6e/secret", "/admi%6e", "/adm%69n;x", "/%2561dmin", "/admin.", "/admin.json", "/admin ", "/admin%20", "/admin%09", "/admin%0a", "/admin%0d%0a", "/admin/.", "/admin/..", "/admin/../admin", "/admin/%2e", "/admin~", "/admin.jsp", "/admin*",
    "/publicX/../admin", "/public./admin", "/public%20/../admin", "/public/%20../admin", "/public/.. /admin", "/public/..%20/admin", "/public/..%09/admin", "/public/..%00/admin", "/public/..%0d/admin", "/public/.%0d./admin", "/public/..#/admin", "/public/..?/admin", "/public/..%3f/admin", "/public/..%23/admin",
    "http://gallery/admin", "http://gallery/public/../admin", "http://gallery//admin", "http://gallery;/admin", "http://gallery?/admin", "http://gallery#/admin", "http://gallery\\admin", "http:/admin", "http:admin", "/http://gallery/admin",
    "/app/..;/admin", "/app%2f..%2fadmin", "/app//admin", "/app/;/../admin", "/%2f..%2fadmin", "/app/%2e%2e;x/admin", "/app;%2f..%2fadmin", "/;%2fadmin", "/app/..%3b/admin", "/app/..%3bx/admin", "/%3bx/admin", "/;a%2fadmin", "/x;y%2f..%2fadmin", "/%2fadmin;x", "/a;b//admin", "//;x/admin", "/;x//admin",
]
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "TRACE", "get"]
LURES = [
    b"X-Original-URL: /admin\r\n", b"X-Rewrite-URL: /admin\r\n", b"X-Original-URI: /admin\r\n", b"X_Original_URL: /admin\r\n", b"X-HTTP-Method-Override: DELETE\r\n", b"X-Forwarded-Prefix: /admin\r\n", b"X-Forwarded-Path: /admin\r\n",
    b"User-Agent: GoogleHC/1.0\r\n", b"User-Agent: kube-probe/1.30\r\n", b"Origin: http://x\r\nAccess-Control-Request-Method: GET\r\n", b"Referer: http://gallery/public/\r\n", b"X-Script-Name: /admin\r\n", b"Script-Name: /admin\r\n", b"Path-Info: /admin\r\n",
]


def add(maker: Maker) -> None:
    """Every target with a token that lacks the role and without one, through the strict gate and the loosened one."""
    for family in (Family.PATHS, Family.PATHS_LENIENT):
        for target in TARGETS:
            for method in METHODS if target in TARGETS[:12] else METHODS[:1]:
                one(maker, family, method, target, b"")
        for lure in LURES:
            for target in ("/public/x", "/admin/x", "/app/x"):
                one(maker, family, "GET", target, lure)
                one(maker, family, "OPTIONS", target, lure)


def one(maker: Maker, family: Family, method: str, target: str, lure: bytes) -> None:
    """With a token and without. Which targets are public, and so nobody's, is said by the application's reading of the path: see `judge.entitled`."""
    head = f"{method} {target} HTTP/1.1\r\nHost: gallery\r\n".encode() + PROBE
    name = f"P {method} {target} {lure.decode().strip()}"
    maker.add(family, f"{name}, token", head + TOKEN + lure + FORGERIES + b"\r\n")
    maker.add(family, f"{name}, no token", head + lure + FORGERIES + b"\r\n")
