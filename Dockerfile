# The image of gitops-bot, for linux/amd64 and linux/arm64.
#
#   docker run --rm --read-only --tmpfs /tmp --env GITHUB_TOKEN ghcr.io/OWNER/gitops-bot plan --repository OWNER/NAME
#
# It needs one writable directory, TMPDIR (default: /tmp), for its clone. A second one, `--cache DIR`, is optional.
# Any user can run it: it needs no file ownership and no home directory. A Docker action starts as the image's user, but
# GitHub's files belong to another user, so a Dockerfile for such an action adds `USER 0`.
#
# The tag documents the version; Docker uses the digest. It is the digest of the index, for both platforms.
FROM python:3.13.16-slim-trixie@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f AS base

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements-image.lock requirements-build.lock ./
# pip installs into both environments from outside, so neither contains pip. Wheels only: no third-party setup.py runs,
# and a library without a wheel for the platform fails here.
RUN python -m venv --without-pip /opt/gitops-bot \
    && python -m venv --without-pip tools \
    && pip --python /opt/gitops-bot install --no-compile --only-binary :all: --require-hashes \
        --requirement requirements-image.lock \
    && pip --python tools install --only-binary :all: --require-hashes --requirement requirements-build.lock
# boto3 brings 28 MB of descriptions of every service of Amazon; these are the ones that a login asks.
RUN find /opt/gitops-bot/lib/python3.*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name 'ecr*' ! -name sts ! -name 'sso*' ! -name signin -exec rm -r {} +
COPY pyproject.toml README.md LICENSE ./
COPY manifests-example manifests-example
COPY gitops_bot gitops_bot
# Compile now, because no user of the image can write there later. `unchecked-hash` stores no timestamps and skips the
# check against the source at each start: the same source gives the same bytes, even if a tool rewrites file times.
RUN pip --python tools wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/gitops-bot install --no-compile --no-deps --no-index dist/*.whl \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/gitops-bot/lib

FROM base
# Debian's archive keeps only the newest version of a package, so pinning one here would break every build after it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/*
# Remove pip, which the bot does not need. Compile the base's standard library, so that starts do not have to.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/ensurepip /usr/local/lib/python3.*/site-packages/pip* \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x 'idlelib|lib2to3|tkinter|turtledemo' /usr/local/lib/python3.*/
COPY --from=build /opt/gitops-bot /opt/gitops-bot
# Give freed blocks of a MiB back: glibc keeps more for each thread the larger they were, and long lists of tags need them.
ENV MALLOC_MMAP_THRESHOLD_=1048576
ENV PATH=/opt/gitops-bot/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Numeric, because Kubernetes' runAsNonRoot cannot check a user name.
USER 10001:10001
# Queries /healthz of `run --listen`. For every other command, the check always passes.
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s --retries=3 \
    CMD ["python", "-IB", "-m", "gitops_bot.server.healthcheck"]
ENTRYPOINT ["gitops-bot"]
CMD ["--help"]
# Last, because they change with every build and nothing above depends on them.
ARG SOURCE=""
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="gitops-bot" \
    org.opencontainers.image.description="Keeps the image pins of a GitOps repository current: byte-exact edits, one pull request per environment." \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source=$SOURCE \
    org.opencontainers.image.version=$VERSION \
    org.opencontainers.image.revision=$REVISION
