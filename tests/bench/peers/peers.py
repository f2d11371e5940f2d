"""Who is compared: each peer is a product in one configuration, a template and what is put into it."""

from dataclasses import dataclass, field

ENVOY_CACHE = "jwt_cache_config: {jwt_cache_size: 10000, jwt_max_token_size: 4096}"
ENVOY_TLS = """transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}
                tls_certificates: [{certificate_chain: {filename: CERTIFICATE}, private_key: {filename: KEY}}]"""
HAPROXY_TLS = "ssl crt BOTH ssl-min-ver TLSv1.3 alpn h2,http/1.1"
# What a gate has unless its peer says otherwise.
GATE = {"access": "off", "workers": "1", "issuers": "", "routes": "", "headers": "X-User: sub, X-Name: name, X-Email: email"}


@dataclass(frozen=True)
class Peer:
    """A product in one configuration."""

    name: str
    title: str
    product: str
    template: str
    values: dict[str, str] = field(default_factory=dict)
    # The claims that it writes as headers; none: it does not judge tokens.
    tells: tuple[str, ...] = ("sub", "name", "email")
    tls: bool = False
    # Runs on every core, among the load.
    spread: bool = False


PEERS = {
    peer.name: peer
    for peer in (
        Peer("gate", "claimgate", "gate", "gate.yaml"),
        Peer("gate-log", "claimgate, access log on", "gate", "gate.yaml", {"access": "all"}),
        Peer("gate-tls", "claimgate, TLS", "gate", "gate.yaml", tls=True),
        Peer("envoy", "Envoy jwt_authn", "envoy", "envoy.yaml", {"cache": ""}),
        Peer("envoy-cache", "Envoy jwt_authn, JWT cache", "envoy", "envoy.yaml", {"cache": ENVOY_CACHE}),
        Peer("envoy-tls", "Envoy jwt_authn, JWT cache, TLS", "envoy", "envoy.yaml", {"cache": ENVOY_CACHE}, tls=True),
        Peer("haproxy", "HAProxy, forwarding only", "haproxy", "haproxy.cfg", {"rules": ""}, tells=()),
        Peer("haproxy-tls", "HAProxy, forwarding only, TLS", "haproxy", "haproxy.cfg", {"rules": ""}, tells=(), tls=True),
        Peer("haproxy-jwt", "HAProxy jwt_verify", "haproxy", "haproxy.cfg"),
        Peer("nginx", "nginx, forwarding only", "nginx", "nginx.conf", tells=()),
        Peer("apache", "Apache mod_auth_openidc", "apache", "apache.conf"),
    )
}
