"""A token that nobody judged must not reach the application under any name that it might read."""

from .payload import ANONYMOUS, FORGED, PROBE, TOKEN, Family, Maker

COOKIES = [
    "id_token=@X@", "ID_TOKEN=@X@", "id.token=@X@", "id token=@X@", "id_token[]=@X@", "id_token =@X@", " id_token=@X@", "a=b,id_token=@X@", "a=b id_token=@X@", 'a="b; id_token=@X@"', "id%5ftoken=@X@", "id_token=@X@; id_token=@X@",
    '"id_token"=@X@', "$Version=1; id_token=@X@; $Path=/", "a=b; \x0bid_token=@X@", "a=b;id_token=@X@", "a=b;;id_token=@X@", "id_token==@X@", "id_token\t=@X@", 'id_token="@X@"', "id+token=@X@", "=id_token=@X@", "a\x00=b; id_token=@X@", "\xa0id_token=@X@", "a=b:id_token=@X@",
]
QUERIES = [
    "access_token=@X@", "ACCESS_TOKEN=@X@", "access.token=@X@", "access%5ftoken=@X@", "a=b&access_token=@X@", "a=b;access_token=@X@", "access_token[]=@X@", "access%20token=@X@", "access+token=@X@", "+access_token=@X@", "%20access_token=@X@", "&&access_token=@X@",
    "access_token=@X@&access_token=@X@", "access%5btoken=@X@", "access[token=@X@", "access_token%00=@X@", "access%2etoken=@X@", "a?access_token=@X@", "%61ccess_token=@X@", "a=b%26access_token=@X@",
]
AUTHORIZATIONS = [
    "Bearer @X@", "bearer @X@", "BEARER @X@", "Bearer  @X@", "Bearer\t@X@", "Bearer @X@, Bearer @X@", "Foo Bearer @X@", "Basic eDp5, Bearer @X@", "Bearer\xa0@X@", "DPoP @X@", "Token @X@", 'Bearer "@X@"', "Bearer:@X@", ",Bearer @X@", " Bearer @X@",
]
SPELLINGS = ["Authorization", "authorization", "Authorization_", "HTTP_AUTHORIZATION", "Authorization.", "_Authorization", "X-Authorization"]


def add(maker: Maker) -> None:
    """Beside a good token, and on the public route."""
    for cookie in COOKIES:
        both(maker, f"cookie {cookie!r}", b"/", b"Cookie: keep=me; " + cookie.encode("latin-1") + b"\r\n")
        both(maker, f"two lines of cookies {cookie!r}", b"/", b"Cookie: keep=me\r\nCookie: " + cookie.encode("latin-1") + b"\r\n")
    for query in QUERIES:
        both(maker, f"query {query!r}", b"/?" + query.encode("latin-1"), b"")
    for value in AUTHORIZATIONS:
        for name in SPELLINGS:
            both(maker, f"{name}: {value!r}", b"/", f"{name}: {value}\r\n".encode("latin-1"))


def both(maker: Maker, name: str, rest: bytes, lines: bytes) -> None:
    """The foreign token is for a subject that says what it is, so that its arrival is seen as a forgery."""
    path, _, query = rest.partition(b"?")
    query = query and b"?" + query
    assert FORGED
    for prefix, credential, identity in ((b"/app", TOKEN, None), (b"/public", b"", ANONYMOUS)):
        head = b"GET %s/@NNN@%s HTTP/1.1\r\nHost: gallery\r\n" % (prefix, query)
        maker.add(Family.STRAY, f"{name} {prefix.decode()}", head + PROBE + lines + credential + b"\r\n", identity=identity)
