# rentmatch in a container: `docker build -t rentmatch .`. One image for workers, the projector, the gateway and every
# command. All base images are pinned; every package comes from requirements.lock or console/package-lock.json, with its
# hash.

FROM node:24.19.0-bookworm-slim AS console
WORKDIR /build
COPY docs/schema.graphql docs/
COPY console console
RUN cd console && npm ci --no-audit --no-fund && npm run build

FROM python:3.11.14-slim-bookworm AS build
# The compiler builds what is optional, the C codec and the compiled rules; the final image has no compiler.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/rentmatch
WORKDIR /build
COPY requirements.lock ./
RUN /opt/rentmatch/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
COPY --from=console /build/gateway/console gateway/console
RUN /opt/rentmatch/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 rentmatch \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin rentmatch \
    && install -d -o rentmatch -g rentmatch /var/lib/rentmatch /incoming
COPY --from=build /opt/rentmatch /opt/rentmatch
ENV PATH=/opt/rentmatch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RENTMATCH_STATE_DIR=/var/lib/rentmatch \
    RENTMATCH_HTTP_HOST=0.0.0.0 \
    RENTMATCH_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/rentmatch
VOLUME /var/lib/rentmatch
EXPOSE 6066 6070
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:6066/livez', timeout=4)"]
# The exec form, so that SIGTERM reaches Python: the worker then commits and leaves the group.
STOPSIGNAL SIGTERM
ENTRYPOINT ["rentmatch"]
CMD ["worker"]
