# The service and nothing else: no pip, no compiler, no shell script, no root. `make container` builds it and proves that.
# Written for any BuildKit from Docker 20.10 on, and for machines that reach no image registry but their own: no "# syntax=".

ARG BASE_IMAGE=python:3.13-slim


FROM ${BASE_IMAGE} AS dependencies

# Made without pip: the base's own pip fills it from outside, so that none is left inside.
RUN python3 -m venv --without-pip /opt/venv

# requirements-otel.lock: the same with what sends traces (docs/tracing.md).
ARG REQUIREMENTS=requirements.lock
COPY ${REQUIREMENTS} /tmp/requirements.lock

# The lock is the whole list (--no-deps), nothing else gets in (--require-hashes), nothing is compiled (--only-binary).
# Both secrets are optional, for a network with its own certificate authority or package index; neither enters a layer.
# unchecked-hash: the bytecode stays valid whatever a registry does to the files' times.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=pipconf,target=/etc/pip.conf \
    python3 -m pip --python /opt/venv/bin/python --disable-pip-version-check \
        install --no-cache-dir --no-compile --no-deps --only-binary :all: --require-hashes -r /tmp/requirements.lock \
    && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

# The application is copied, not installed; this is the command that pyproject.toml would have made.
RUN printf '#!/opt/venv/bin/python\nfrom pgvector_ready.__main__ import main; main()\n' > /opt/venv/bin/pgvector-ready \
    && chmod 755 /opt/venv/bin/pgvector-ready


FROM dependencies AS application

# A stage of its own, so that a change of the application leaves the layer of the dependencies alone.
# chmod: a checkout made under a strict umask is not readable by the user below.
COPY pgvector_ready /srv/pgvector_ready
COPY app /srv/app
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /srv && chmod -R a+rX /srv


FROM ${BASE_IMAGE} AS service

# The base's own pip goes too: a service that installs nothing needs no installer.
RUN python3 -m pip --disable-pip-version-check uninstall --yes --root-user-action=ignore pip

COPY --from=dependencies /opt/venv /opt/venv
COPY --from=application /srv /srv

WORKDIR /srv

# HOST: the platform's proxy is outside the container. PORT: for plain Docker; Render sets its own, 10000.
# MIGRATIONS_FOLDER: the application's own history, which `pgvector-ready migrate` runs and the runbook judges.
# PYTHONDONTWRITEBYTECODE: the file system may be read-only, and all bytecode is there already.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/srv \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MIGRATIONS_FOLDER=app/migrations \
    HOST=0.0.0.0 \
    PORT=8000

# Last, since it changes with every commit. Where the platform tells the commit at run time, nobody needs to pass it.
ARG GIT_COMMIT=
ENV GIT_COMMIT=${GIT_COMMIT}
LABEL org.opencontainers.image.title="pgvector-ready" \
      org.opencontainers.image.description="Makes a PostgreSQL database vector-ready and proves it, continuously and honestly." \
      org.opencontainers.image.revision="${GIT_COMMIT}"

# Numeric, so that Kubernetes' runAsNonRoot can see that it is not root; there is no passwd entry and no home.
USER 10001:10001

EXPOSE 8000

# interval: an instance that went bad is known within half a minute (three in a row), and one check costs 50 ms of a core.
# timeout: above the probe's own 4 s, so that its sentence is kept instead of a bare "exceeded timeout".
# start-period: two of provisioning's longest pauses (15 s); failures in it do not count, the first success ends it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "pgvector_ready.healthcheck"]

# No shell between the platform's SIGTERM and the service. STOPSIGNAL stays Docker's own, SIGTERM.
# No ENTRYPOINT: a platform's own command then replaces all of this, and reads `pgvector-ready check`.
CMD ["pgvector-ready", "serve", "app.main:create_app", "--factory"]
