# turno as an image: one static program, and a user who is not root.
#
#   docker build -t turno .
#
# NOT CHECKED with a Docker engine: what it does was run by hand (docs/operating.md#containers).

FROM rust:1-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /turno
COPY . .
# On Alpine the target is musl: the program needs no library of the system.
RUN cargo build --release --locked --bin turno

# With a shell, which the commands of turno lock need more often than not.
FROM alpine:3
RUN adduser -S -D -H -u 7001 turno \
  && install -d -o turno -m 700 /run/turno /var/lib/turno
COPY --from=build /turno/target/release/turno /usr/local/bin/turno
USER turno
ENV TURNO_SOCKET=/run/turno/turno.sock
VOLUME /var/lib/turno
EXPOSE 7001/udp
# SIGTERM is a restart: it ends no command.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=12s CMD ["turno", "status"]
ENTRYPOINT ["turno"]
CMD ["agent", "--help"]
