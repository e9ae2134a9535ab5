"""A complete small collection: publish a schema, start servers and devices, merge, draw.

python collect.py [FOLDER]

Every server and every device is a process of its own; they talk over 127.0.0.1 and stop by
themselves. Takes some seconds.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from survey import SECONDS, SHARES, digest, make_schema, send

from sampkit.privacy import LDPAggregator, plot_frequencies

HERE = Path(__file__).parent


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs one of the scripts beside this one."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def collect(
    folder: Path, *, servers: int = 2, devices: int = 4, users: int = 2000
) -> LDPAggregator:
    """Run a collection; each of `devices` processes stands for `users` users."""
    schema = make_schema()
    published = folder / "schema.json"
    published.write_text(schema.to_json(), encoding="utf-8")
    # device i reports to server i % servers; the first server also gets two bad messages
    messages = [len(range(s, devices, servers)) + 2 * (s == 0) for s in range(servers)]
    kept = [folder / f"counts{s}.bin" for s in range(servers)]
    running = [start("server.py", published, kept[s], messages[s]) for s in range(servers)]
    try:
        ports = [int(process.stdout.readline()) for process in running]
        running += [
            start("device.py", published, ports[i % servers], users) for i in range(devices)
        ]
        send(ports[0], digest(schema) + b"\xff")  # a report that was cut off
        send(ports[0], b"GET / HTTP/1.1\r\n\r\n")  # somebody who is no device at all
        for process in running:
            said, _ = process.communicate(timeout=2 * SECONDS)
            print(said, end="")
            if process.returncode:
                raise RuntimeError(f"{process.args} ended with {process.returncode}")
    finally:
        for process in running:
            process.kill()
            process.wait()
            process.stdout.close()
    total = LDPAggregator(schema)
    for path in kept:
        total.merge(LDPAggregator.from_bytes(path.read_bytes()))
    return total


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    table = collect(folder).estimate()
    print(table.round(3))
    table.to_csv(folder / "table.csv")
    try:
        plot_frequencies(table, truth=list(SHARES.values())).figure.savefig(folder / "table.png")
    except ImportError:
        print("no matplotlib, no picture")
    print("written to", folder)
