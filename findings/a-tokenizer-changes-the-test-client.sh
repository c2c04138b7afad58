#!/usr/bin/env bash
# Installing a tokenizer changes what a web framework's test client is: no `httpx.Client` any more, nor its errors.
#
# Versions: tokenizers 0.23.3 (which needs huggingface_hub 2.4.0, and that httpx2 2.16.2), Starlette 1.10.0, httpx 0.28.1.
#
# Behaviour: Starlette's TestClient subclasses the Client of httpx2 where that can be imported, and of httpx elsewhere. A
# library for text that is installed for something else brings httpx2 along. From then on a test that hands a TestClient to
# code that takes an `httpx.Client` fails a type check, `isinstance` says no, and an `except httpx.HTTPError` lets the
# client's errors through, though nobody changed the framework, httpx, or the test.
#
# Seen: what TestClient is, and whether its errors are caught by `except httpx.HTTPError`
#   httpx alone:         httpx.Client   True
#   with tokenizers:     httpx2.Client  False
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
pip=("$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check)

# Prints which client is the base, and whether an error of a redirect without end is an httpx.HTTPError.
client() {
    "$work/venv/bin/python" -W ignore - <<'PYTHON'
import httpx
from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient

base = TestClient.__mro__[1]
try:
    TestClient(Starlette(routes=[Route("/", lambda request: RedirectResponse("/"))])).get("/")
except Exception as error:
    caught = isinstance(error, httpx.HTTPError)
print(f"{base.__module__}.{base.__qualname__}", caught)
PYTHON
}

"${pip[@]}" starlette==1.10.0 httpx==0.28.1
before=$(client)
echo httpx2==2.16.2 >"$work/versions"
"${pip[@]}" --constraint "$work/versions" tokenizers==0.23.3 huggingface_hub==2.4.0
after=$(client)
echo "httpx alone: $before"
echo "with tokenizers: $after"
if [[ $before != "httpx.Client True" || $after != "httpx2.Client False" ]]; then
    echo "the behaviour has changed" >&2
    exit 1
fi
