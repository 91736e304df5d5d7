"""Prints a partner's rewards, each of them once. Plain aiokafka; nothing of Tallystick is imported.

    python partner_consumer.py localhost:9092 rewards.shops-eire.v1

`seq` counts a partner's rewards without gaps, in each partition from 1. After a crash of ours a record may come twice:
drop what is not above the last seq you took. Here `last` is in memory and the topic is read from its beginning; store
it in one transaction with what you make of the reward, and you have taken each reward exactly once.
"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer


async def main(servers: str, topic: str) -> None:
    last: dict[int, int] = {}  # partition -> seq
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async for record in consumer:
            reward = json.loads(record.value)
            seen = last.get(record.partition, 0)
            if reward["seq"] <= seen:
                continue
            if reward["seq"] != seen + 1:
                sys.exit(f"partition {record.partition}: after seq {seen} came {reward['seq']}; ask the operator")
            last[record.partition] = reward["seq"]
            print(reward["occurred_at"], reward["member"], reward["kind"], reward["points"], reward["id"], flush=True)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
