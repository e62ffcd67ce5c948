FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/gitops-bot \
    && /opt/gitops-bot/bin/pip install --require-hashes --requirement requirements.lock \
    && pip install --require-hashes --requirement requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY manifests-example manifests-example
COPY gitops_bot gitops_bot
# The wheel is built by the tools of this stage and installed without any of them.
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/gitops-bot/bin/pip install --no-deps dist/*.whl \
    && /opt/gitops-bot/bin/pip uninstall --yes pip

FROM python:3.13-slim
# Debian's archive keeps only the newest version of a package, so pinning one here would break every build after it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/gitops-bot /opt/gitops-bot
ENV PATH=/opt/gitops-bot/bin:$PATH PYTHONUNBUFFERED=1
# A number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 10001:10001
ENTRYPOINT ["gitops-bot"]
CMD ["--help"]
