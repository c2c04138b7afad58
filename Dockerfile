# The service in a container: docker build -t lookalike . && docker run -p 8000:8000 -v shop:/shop \
#     -e LOOKALIKE_READ_KEY=... -e LOOKALIKE_WRITE_KEY=... -e LOOKALIKE_HOSTS=localhost lookalike
FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /opt/lookalike && /opt/lookalike/bin/pip install --no-cache-dir '.[service,heif,jxl,raw,codecs,postgres,redis,opensearch,elasticsearch]'

FROM python:3.13-slim
RUN useradd --create-home --uid 1000 lookalike && install -d -o lookalike /shop /cache
COPY --from=build /opt/lookalike /opt/lookalike
USER lookalike
ENV PATH=/opt/lookalike/bin:$PATH LOOKALIKE_COLLECTION=/shop LOOKALIKE_HOST=0.0.0.0 LOOKALIKE_CACHE=/cache
VOLUME ["/shop", "/cache"]
EXPOSE 8000
HEALTHCHECK --interval=10s CMD ["python", "-c", "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8000/health', headers={'host': 'localhost'}))"]
ENTRYPOINT ["lookalike", "serve"]
