# The image of gitops-bot, for linux/amd64 and linux/arm64.
#
#   docker run --rm --read-only --tmpfs /tmp --env GITHUB_TOKEN ghcr.io/OWNER/gitops-bot plan --repository OWNER/NAME
#
# It needs one writable place, TMPDIR (/tmp unless told), for its clone; `--cache DIR` is a second one that only saves
# time. Any user may run it: nothing of it belongs to somebody, and it has no home. A Docker action is started as the
# image's user, while GitHub's files belong to another one, so its Dockerfile adds `USER 0`.
#
# The tag is for people, the digest is what is used: that of the index, so both platforms come from it.
FROM python:3.13.16-slim-trixie@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f AS base

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements-image.lock requirements-build.lock ./
# pip works on both environments from outside, so neither holds it. Wheels only: no stranger's setup.py runs, and a
# library without a wheel for the platform fails here.
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
# Compiled now, because nobody can write there later. The files carry no time of theirs and are not compared with their
# source at each start: the same source gives the same bytes, and an image with rewritten times stays compiled.
RUN pip --python tools wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/gitops-bot install --no-compile --no-deps --no-index dist/*.whl \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/gitops-bot/lib

FROM base
# Debian's archive keeps only the newest version of a package, so pinning one here would break every build after it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/*
# The base brings pip, which nobody needs here, and its standard library uncompiled, which every start would pay for.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/ensurepip /usr/local/lib/python3.*/site-packages/pip* \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x 'idlelib|lib2to3|tkinter|turtledemo' /usr/local/lib/python3.*/
COPY --from=build /opt/gitops-bot /opt/gitops-bot
ENV PATH=/opt/gitops-bot/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 10001:10001
# Asks /healthz of `run --listen`; every other command is as healthy as its process.
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
