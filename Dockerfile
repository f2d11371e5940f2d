# The gate as an image: one binary, a numeric user. At run time it writes nowhere but into `keys_snapshot_dir`, if that is configured.
#   docker build -t claimgate .
#   docker build -t claimgate --target prebuilt --build-context dist=target/release .   (from a binary that is already built)
ARG RUST_VERSION=1.95
ARG DEBIAN_VERSION=bookworm

FROM rust:${RUST_VERSION}-slim-${DEBIAN_VERSION} AS build
# aws-lc and jemalloc are C: the compiler is what the image brings for linking, `make` is for jemalloc, in whatever version.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The allocator's settings.
COPY .cargo/config.toml .cargo/
COPY Cargo.toml Cargo.lock ./
COPY src ./src
RUN cargo build --release --locked --bin claimgate \
    && install -D target/release/claimgate /dist/claimgate

# glibc of the same Debian. Roots come with the binary, unless the image or SSL_CERT_FILE brings its own.
FROM debian:${DEBIAN_VERSION}-slim AS runtime
LABEL org.opencontainers.image.title="claimgate" \
      org.opencontainers.image.description="Verification sidecar: verified claims as headers, everything else refused" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
# Numeric, so that runAsNonRoot can be checked.
USER 65532:65532
EXPOSE 8080 9464
ENV CLAIMGATE_CONFIG=/etc/claimgate/claimgate.yaml
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/claimgate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/claimgate"]
CMD ["run"]

FROM runtime AS prebuilt
# The named build context `dist` holds a binary for this image's platform.
# hadolint ignore=DL3022
COPY --from=dist --chmod=0555 claimgate /usr/local/bin/claimgate

FROM runtime
COPY --from=build --chmod=0555 /dist/claimgate /usr/local/bin/claimgate
