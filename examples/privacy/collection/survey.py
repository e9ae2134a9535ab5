"""What devices and servers of this example agree on: the questions, the budget, one message."""

import hashlib
import socket

from sampkit.privacy import LDPSchema

HOST = "127.0.0.1"
SECONDS = 30.0  # no part of the collection waits longer for another
MAX_BYTES = 1 << 22  # of one connection
ANSWERS = {
    "browser": ["firefox", "chrome", "safari", "other"],
    "age": ["<18", "18-30", "31-50", ">50", "no answer"],
    "night mode": ["on", "off"],
}
SHARES = {  # of the population that the devices of this example make up
    "browser": [0.25, 0.5, 0.2, 0.05],
    "age": [0.1, 0.3, 0.35, 0.2, 0.05],
    "night mode": [0.6, 0.4],
}


def make_schema() -> LDPSchema:
    """Epsilon 2 for a whole record; every user reports one attribute, and says which."""
    return LDPSchema(ANSWERS, epsilon=2.0, solution="smp")


def digest(schema: LDPSchema) -> bytes:
    """The 32 bytes that open a message, so that no server counts reports of another schema."""
    return hashlib.sha256(schema.to_json().encode()).digest()


def send(port: int, message: bytes) -> None:
    """One connection, one message."""
    with socket.create_connection((HOST, port), timeout=SECONDS) as connection:
        connection.sendall(message)


def receive(connection: socket.socket) -> bytes:
    """A whole message; more than MAX_BYTES are refused."""
    connection.settimeout(SECONDS)
    parts, size = [], 0
    while part := connection.recv(1 << 16):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise ValueError(f"a message has at most {MAX_BYTES} bytes")
    return b"".join(parts)
