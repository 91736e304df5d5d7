"""The fixtures themselves: real servers, and a house of its own for each test."""

import os
import signal

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.settings import Settings
from infra.stack.house import Process
from tests.drivers.servers import running


async def test_a_record_goes_through_the_real_broker(house: Settings) -> None:
    topic = house.topic_prefix + "greetings"
    admin = AIOKafkaAdminClient(bootstrap_servers=house.kafka_bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(
        bootstrap_servers=house.kafka_bootstrap_servers, compression_type="zstd", enable_idempotence=True
    ) as producer:
        sent = await producer.send_and_wait(topic, b"hello", partition=0)
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=house.kafka_bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        record = await consumer.getone()
    assert (record.offset, record.value) == (sent.offset, b"hello")


async def test_a_house_has_an_empty_database_of_its_own(house: Settings) -> None:
    connection = await asyncpg.connect(house.database_url.get_secret_value())
    try:
        assert await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0
        assert (await connection.fetchval("show server_version")).startswith("18.")
    finally:
        await connection.close()


async def test_processes_run_on_a_house_and_come_back_after_a_kill(house: Settings) -> None:
    async with running(house, Process("one", "tests.drivers.still"), Process("two", "tests.drivers.still")) as stack:
        assert list(stack.pids()) == ["one", "two"]
        old = stack.pid("one")
        assert old is not None
        os.kill(old, signal.SIGKILL)
        assert await stack.restarted("one", old) != old
        assert stack.settings_of(stack.houses[0]) == house


async def test_a_wrong_password_is_refused(house: Settings) -> None:
    url = house.database_url.get_secret_value()
    password = url.split(":")[2].split("@")[0]
    try:
        await asyncpg.connect(url.replace(password, "wrong"))
    except asyncpg.InvalidPasswordError:
        return
    raise AssertionError("PostgreSQL let a wrong password in")
