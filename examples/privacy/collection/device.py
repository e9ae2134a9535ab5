"""Some users' devices: answers are made here, and only randomised reports leave.

python device.py SCHEMA.json PORT USERS
"""

import random
import sys
from pathlib import Path

from survey import SHARES, digest, send

from sampkit.privacy import LDPClient, LDPSchema


def answers(schema: LDPSchema) -> dict[str, str]:
    """A made-up user of the population. A real device has the real answers here."""
    chance = random.SystemRandom()
    return {
        attribute.name: chance.choices(attribute.categories, SHARES[attribute.name])[0]
        for attribute in schema.attributes
    }


if __name__ == "__main__":
    schema = LDPSchema.from_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    client = LDPClient(schema)  # the operating system's entropy, exact arithmetic
    reports = [client.privatize(answers(schema)) for _ in range(int(sys.argv[3]))]
    send(int(sys.argv[2]), digest(schema) + b"".join(reports))
