"""A counting server: takes messages until there have been enough, or for too long none.

python server.py SCHEMA.json COUNTS.bin MESSAGES

Prints its port, then counts, then writes its counts. No report is kept.
"""

import socket
import sys
from pathlib import Path

from survey import HOST, SECONDS, digest, receive

from sampkit.privacy import LDPAggregator, LDPSchema


def serve(listener: socket.socket, counts: LDPAggregator, messages: int) -> int:
    """Count the reports of so many messages; returns how many messages were refused."""
    expected, refused = digest(counts.schema), 0
    for _ in range(messages):
        try:
            connection, _ = listener.accept()
        except TimeoutError:  # devices that never came
            break
        try:
            with connection:
                message = receive(connection)
        except (OSError, ValueError):
            refused += 1
            continue
        if message[:32] == expected:
            counts.partial_fit(message[32:], on_error="skip")
        else:
            refused += 1
    return refused


if __name__ == "__main__":
    schema = LDPSchema.from_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    counts = LDPAggregator(schema)
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(SECONDS)
        print(listener.getsockname()[1], flush=True)
        refused = serve(listener, counts, int(sys.argv[3]))
    Path(sys.argv[2]).write_bytes(counts.to_bytes())
    print(
        f"{counts.n_reports_} reports counted, {counts.n_rejected_} malformed, "
        f"{refused} messages refused"
    )
