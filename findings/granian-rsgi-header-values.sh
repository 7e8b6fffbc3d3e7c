#!/usr/bin/env bash
# granian 2.8.9: a request header whose value has a byte above 127 is lost, in a different way in each interface.
#
# HTTP/1.1 allows such bytes in a field's value (obs-text, RFC 9110 section 5.5), and file names in UTF-8 or Latin-1
# arrive so. Expected: WSGI decodes the value as Latin-1 (PEP 3333), RSGI has it in some form. Seen: WSGI hands over an
# empty string; RSGI lists the name in keys(), but get() returns None and items() lacks the pair; ASGI has the bytes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet granian==2.8.9
cd "$folder"

cat > rsgi.py <<'PY'
async def app(scope, protocol):
    headers = scope.headers
    lists = ["keys"] * ("x-file" in headers.keys()) + ["items"] * ("x-file" in dict(headers.items()))
    protocol.response_str(200, [], repr((headers.get("x-plain"), headers.get("x-file"), lists)))
PY
cat > wsgi.py <<'PY'
def app(environ, start_response):
    start_response("200 OK", [])
    return [repr((environ.get("HTTP_X_PLAIN"), environ.get("HTTP_X_FILE"))).encode()]
PY
cat > asgi.py <<'PY'
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = dict(scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": repr((headers.get(b"x-plain"), headers.get(b"x-file"))).encode()})
PY
cat > ask.py <<'PY'
import socket, sys, time

for _ in range(100):
    try:
        peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        break
    except OSError:
        time.sleep(0.1)
value = "café.jpg".encode("latin-1")
peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Plain: cafe.jpg\r\nX-File: " + value + b"\r\nConnection: close\r\n\r\n")
answer = b""
while part := peer.recv(4096):
    answer += part
print(answer.partition(b"\r\n\r\n")[2].decode())
PY

ask() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$folder/venv/bin/granian" --interface "$1" --host 127.0.0.1 --port "$port" "$1:app" > log 2>&1 &
    server=$!
    python3 ask.py "$port"
    kill $server && wait $server 2>/dev/null || true
}

expect() {
    seen=$(ask "$1")
    echo "$1: $seen"
    [ "$seen" = "$2" ] || { echo "was: $2"; exit 1; }
}
expect rsgi "('cafe.jpg', None, ['keys'])"
expect wsgi "('cafe.jpg', '')"
expect asgi "(b'cafe.jpg', b'caf\\xe9.jpg')"
echo "as described"
