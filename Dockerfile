# One image, every role: backstory serve --role all|api|project|relay

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/build && python -m venv --without-pip /opt/backstory
COPY requirements.lock requirements-build.lock ./
RUN /opt/build/bin/pip install --require-hashes -r requirements-build.lock
RUN /opt/build/bin/pip --python /opt/backstory/bin/python install --require-hashes -r requirements.lock
COPY pyproject.toml LICENSE ./
COPY adapters adapters
COPY aggregates aggregates
COPY commands commands
COPY projections projections
COPY queries queries
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /opt/wheels . \
    && /opt/build/bin/pip --python /opt/backstory/bin/python install --no-deps /opt/wheels/*.whl \
    && /opt/backstory/bin/python -m compileall -q /opt/backstory/lib

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin backstory \
    && install -d -m 0700 -o backstory /var/lib/backstory
COPY --from=build /opt/backstory /opt/backstory
ENV PATH=/opt/backstory/bin:$PATH PYTHONUNBUFFERED=1 BACKSTORY_DATA=/var/lib/backstory
USER backstory
VOLUME /var/lib/backstory
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["backstory"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
