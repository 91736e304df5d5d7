"""murmur2 as Java's Kafka client computes it. The numbers are those of Kafka's own test (UtilsTest.testMurmur2)."""

import pytest

from infra.kafka.partitioner import murmur2, partition_of


def signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number


@pytest.mark.parametrize(
    ("text", "hash_in_java"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_known_hashes(text: str, hash_in_java: int) -> None:
    assert signed(murmur2(text.encode())) == hash_in_java


def test_the_partition_is_the_positive_hash_modulo_the_count() -> None:
    assert partition_of(b"21", 12) == (-973932308 & 0x7FFFFFFF) % 12
    assert {partition_of(b"mem_%d" % n, 12) for n in range(200)} == set(range(12))
