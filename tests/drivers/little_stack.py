"""`python -m tests.drivers.little_stack FOLDER`: a stack in a process of its own, so that a test can kill it.

Real servers and two still processes. Prints one JSON object (pids, bootstrap servers, database address) when it
is up; after that it runs until a server dies or it is killed.
"""

import asyncio
import json
import sys
from pathlib import Path

from infra.stack.house import House, Process
from infra.stack.stack import Stack
from tests.drivers.servers import local_settings

PROCESSES = (Process("first", "tests.drivers.still"), Process("second", "tests.drivers.still"))


async def main(folder: Path) -> None:
    async with Stack(local_settings(), folder, lambda line: print(line, file=sys.stderr)) as stack:
        house = House(processes=PROCESSES)
        await stack.start(house)
        settings = stack.settings_of(house)
        up = {
            "pids": stack.pids(),
            "brokers": settings.kafka_bootstrap_servers,
            "database": settings.database_url.get_secret_value(),
            "metrics": stack.metrics(),
        }
        print(json.dumps(up), flush=True)
        print(await stack.death(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
