# The service as an image: no compiler, no development tools, no root. Settings come from the environment (see
# .env.example); the volume /data takes the SQLite database and is the only place that is written.
#   docker build -t local-checkout .
#   docker run --env-file .env -p 8000:8000 -v checkout:/data --read-only --tmpfs /tmp local-checkout

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /tools && /tools/bin/pip install --require-hashes -r requirements.lock
# The lock names what the service needs first; the marker line begins what only development needs.
RUN sed '/^# Only for development/,$d' requirements.lock > service.lock \
    && python -m venv /opt/checkout \
    && /opt/checkout/bin/pip install --require-hashes -r service.lock
COPY pyproject.toml README.md ./
COPY checkout checkout
COPY templates templates
COPY static static
RUN /tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/checkout/bin/pip install --no-deps dist/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home checkout
COPY --from=build /opt/checkout /opt/checkout
ENV PATH=/opt/checkout/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CHECKOUT_DATABASE_URL=sqlite:////data/checkout.db
USER checkout
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["checkout", "serve", "--host", "0.0.0.0", "--port", "8000"]
