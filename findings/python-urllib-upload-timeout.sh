#!/usr/bin/env bash
# CPython 3.11.7: the timeout of urllib.request.urlopen (and of http.client) limits how long the whole of a bytes body may
# take to send over HTTP, however steadily it goes.
#
# Expected: the timeout is that of each blocking operation, as urlopen's documentation says, so that an upload that makes
# progress goes on; over HTTPS, or with the same bytes as a file object, it does. Seen: http.client sends a bytes body
# with one socket.sendall, whose timeout has been one for all the data since Python 3.5, and the upload ends with
# "timed out" while the server still reads: 10 MB with timeout=30 need 2.7 Mbit/s.
# Remedy: pass io.BytesIO(body) with a Content-Length, which http.client sends in blocks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/upload.py" <<'PY'
import io, platform, socket, threading, time, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = bytes(16 << 20)
TIMEOUT_S = 1.5


class Slow(BaseHTTPRequestHandler):
    def do_POST(self):
        left = len(BODY)
        while left and (got := self.rfile.read(min(left, 1 << 17))):
            left -= len(got)
            if left > len(BODY) / 4:  # the last part is in the buffers by then
                time.sleep(0.04)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
server.handle_error = lambda *_: None
threading.Thread(target=server.serve_forever, daemon=True).start()


def upload(data):
    request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}/", data, {"Content-Length": len(BODY)})
    start = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            said = response.status
    except urllib.error.URLError as error:
        said = error.reason
    print(f"{type(data).__name__}: {said} after {time.monotonic() - start:.1f} s")
    return said


print(platform.python_implementation(), platform.python_version())
assert isinstance(upload(BODY), TimeoutError), "bytes are sent like a file now"
assert upload(io.BytesIO(BODY)) == 200
PY
python3 "$folder/upload.py"
# CPython 3.11.7
# bytes: timed out after 1.5 s
# BytesIO: 200 after 4.0 s
