"""A programme file as text: YAML read into plain values, each with its line; what a file must not have of YAML.

Text, whole numbers, true, false and null, lists and keys; nothing else of YAML: no dates, octal or sixty-based numbers,
no `yes` for true, no aliases, tags or merges. So what is written is what is meant, and no file costs more than its
length. Does not own what the values mean (services/programme/model.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import yaml
from pydantic_core import ErrorDetails, ValidationError

FILE_CHARACTERS_MAX = 1_000_000
DEPTH_MAX = 30
FAULTS_MAX = 100
"""So many are said of one file; a file that has more is mended a part at a time."""

Path = tuple[int | str, ...]


class ProgrammeError(ValueError):
    """The file is no programme. `faults` has every reason: "file:line: what is wrong; what to write instead"."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Written(NamedTuple):
    """A file that is YAML."""

    name: str
    """Stands for the file in faults."""
    root: yaml.Node
    value: Any
    """Lists are tuples. Of a key that stands twice it has the last."""
    faults: tuple[str, ...] = ()
    """Keys that stand twice."""

    def at(self, path: Path, why: str) -> str:
        """A fault of the value at `path`, or of the nearest thing around it."""
        where = ".".join(str(step) for step in path)
        return f"{self.name}:{self._line_of(path)}: {where + ': ' if where else ''}{why}"

    def _line_of(self, path: Path) -> int:
        node = self.root
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = [child for key, child in node.value if key.value == step]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                found = [node.value[step]]
            else:
                found = []
            if not found:
                break
            node = found[0]
        return node.start_mark.line + 1


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same language ten times as quick, where PyYAML was built with libyaml: in its wheels it is."""


class Loader(_Base):  # type: ignore[misc]
    """YAML's plain values, as the head says."""


Loader.yaml_implicit_resolvers = {}
for _tag, _plain, _first in (
    ("bool", r"(?:true|false)\Z", "tf"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)\Z", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]*\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?\Z|[-+]?\.(?:inf|nan)\Z", "-+0123456789."),
    ("null", r"(?:null|~|)\Z", ["n", "~", ""]),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_plain), list(_first))


def written(text: str, name: str) -> Written:
    """The file's values. Raises ProgrammeError with every fault of its shape."""
    if len(text) > FILE_CHARACTERS_MAX:
        raise ProgrammeError((f"{name}:1: longer than {FILE_CHARACTERS_MAX} characters; split what it says in rules",))
    try:
        if faults := tuple(f"{name}:{line}: {why}" for line, why in _strange(text)):
            raise ProgrammeError(faults)
        loader = Loader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise ProgrammeError((f"{name}:1: the file is empty; begin with `programme: <name>`",))
            faults = tuple(f"{name}:{line}: {why}" for line, why in _twice(root))
            try:
                value = loader.construct_document(root)
            except yaml.constructor.ConstructorError:  # a key that is no name
                raise ProgrammeError(faults) from None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ProgrammeError((_not_yaml(error, text, name),)) from None
    return Written(name, root, _tuples(value), faults)


def _strange(text: str) -> Iterator[tuple[int, str]]:
    """What would cost more than the file's length, or mean what nobody sees: depth, aliases, tags. The first of it."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if getattr(event, "anchor", None) is not None:
            yield line, "anchors and aliases are not allowed; write the value out"
            return
        if (tag := getattr(event, "tag", None)) is not None:
            yield line, f"the tag {str(tag)[:50]} is not allowed; write plain text, numbers, lists and keys"
            return
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            yield line, f"nested deeper than {DEPTH_MAX} levels; no key of a programme lies so deep"
            return


def _twice(root: yaml.Node) -> Iterator[tuple[int, str]]:
    """Keys that stand twice, and keys that are no names."""
    todo = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, child in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    yield key.start_mark.line + 1, "a key must be a name, not a list or more keys"
                    continue
                if key.value in seen:
                    yield key.start_mark.line + 1, f"the key {key.value!r} stands twice; keep one"
                seen.add(key.value)
                todo.append(child)
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value


_REMEDIES = {
    "\\t": "indent with spaces; a tab means nothing here",
    "cannot start any token": "indent with spaces, and put text that begins with @, ` or % in quotes",
    "expected a single document": "one file is one version; put the next one into a file of its own",
    "but found another document": "one file is one version; put the next one into a file of its own",
    "mapping values are not allowed": "a line has one `key: value`; put text with a colon in quotes",
    "unexpected end of stream": "close the quotes",
    "could not find expected ':'": "write `key: value`, with a colon and a space",
    "did not find expected key": "indent the keys of one part alike, and close what { or [ opens",
    "did not find expected ',' or": "close what { or [ opens, with commas between",
    "did not find expected '-'": "indent the items of one list alike",
    "not allowed": "write plain text; a control character cannot stand here",
}


def _not_yaml(error: yaml.YAMLError, text: str, name: str) -> str:
    mark = getattr(error, "problem_mark", None)
    if "end of stream" in (getattr(error, "problem", None) or ""):
        mark = getattr(error, "context_mark", None) or mark  # where the quotes were opened
    line = mark.line + 1 if mark is not None else text.count("\n", 0, getattr(error, "position", 0)) + 1
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    shown = text.split("\n")[min(line, text.count("\n") + 1) - 1]
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        why += r" (\t)"
    instead = next(
        (remedy for said, remedy in _REMEDIES.items() if said in why), "look at this line and the one before"
    )
    return f"{name}:{line}: not YAML: {why}; {instead}"


def _tuples(value: Any) -> Any:
    """YAML's lists as tuples, which strict models want."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


# ---------------------------------------------------------------- pydantic's faults, in words of the file


def in_words(error: ErrorDetails, here: Sequence[str]) -> str:
    """What pydantic finds wrong, and what to write instead. `here`: the keys that may stand where it is."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind in ("extra_forbidden", "invalid_key") and str(error["loc"][-1]).isdecimal():
        return f"{error['loc'][-1]} is no key; a whole number has no comma, point or blank in it: 1000, not 1,000"
    if kind == "extra_forbidden":
        near = meant(str(error["loc"][-1]), here)
        return "there is no such key; " + (f"did you mean {near}?" if near else f"here may stand {', '.join(here)}")
    if kind == "string_pattern_mismatch":
        return f"{_shown(error['input'])} is not what stands here; {example_of(str(context['pattern']))}"
    if kind in _WORDS:
        return _WORDS[kind].format(value=_shown(error["input"]), **context)
    return error["msg"].removeprefix("Value error, ")


def meant(word: str, here: Sequence[str]) -> str | None:
    """Which of some keys a word was to be: one that is spelt nearly so, or that people say in its place."""
    word = word.lower()
    near = (key for key in here if _alike(key, word))
    return next(near, None) or next((key for key in here if word in _ALSO_SAID.get(key, "").split()), None)


def _alike(a: str, b: str) -> bool:
    """Whether four letters in five are the same, in order."""
    same = sum(block.size for block in SequenceMatcher(None, a, b).get_matching_blocks())
    return 5 * 2 * same >= 4 * (len(a) + len(b))


def causes(error: ValidationError) -> list[ErrorDetails]:
    """What pydantic finds wrong, less what only follows from it: a list is not too short for what in it is wrong."""
    found = error.errors(include_url=False)
    places = [one["loc"] for one in found]
    return [
        one
        for one in found
        if one["type"] != "too_short"
        or not any(place != one["loc"] and place[: len(one["loc"])] == one["loc"] for place in places)
    ]


_ALSO_SAID = {
    "at_most": "max limit max_points cap",
    "basket": "total spend minimum min from_minor min_spend min_basket",
    "codes": "code coupon coupons promo promo_code",
    "dates": "date between period from until valid_from valid_to start end",
    "effective_from": "from start starts valid_from",
    "exclude": "except excluding without not",
    "from_minor": "at_least from min minimum min_spend min_basket min_minor threshold above",
    "below_minor": "less_than below under max_minor",
    "gives": "currency",
    "hours": "time times hour",
    "id": "name",
    "items": "product products sku skus ean eans",
    "minor": "amount value",
    "name": "id level",
    "only": "category categories include",
    "pending_days": "delay_days active_after",
    "per_minor": "per per_amount for_every",
    "per_units": "per_unit per_litre per_item",
    "percent": "percentage rate pct",
    "points": "rate amount earn value",
    "points_decimals": "decimals precision",
    "price": "discount discounts",
    "rounding": "round",
    "segments": "segment",
    "sets": "max limit max_sets",
    "steps": "brackets slabs bands levels",
    "stores": "shop shops",
    "tier": "levels",
    "tier_percent": "multiplier factor level_percent",
    "tiers": "level levels",
    "times": "max limit uses",
    "unit": "thing reward",
    "unless": "if_not except blackout",
    "valid_days": "days expires_days",
    "valid_months": "validity expires expiry expires_after valid months valid_days",
    "weekdays": "day days day_of_week",
    "when": "if where condition",
    "zone": "timezone time_zone tz",
}
"""Key -> what people write for it."""


def _shown(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."


_WORDS = {
    "missing": "it is missing; write it",
    "tuple_type": "write a list, such as [a, b]",
    "dict_type": "write keys with their values",
    "model_type": "write keys with their values",
    "int_type": "{value} is no whole number; write one, without a point, quotes or an exponent",
    "int_parsing": "{value} is no whole number; write one",
    "string_type": "{value} is no text; put it in quotes",
    "string_too_short": "write at least {min_length} character",
    "string_too_long": "write at most {max_length} characters",
    "greater_than": "write more than {gt}",
    "greater_than_equal": "write {ge} or more",
    "less_than": "write less than {lt}",
    "less_than_equal": "write {le} or less",
    "literal_error": "{value} is not among them; write {expected}",
    "too_short": "write at least {min_length}; it has {actual_length}",
    "too_long": "write at most {max_length}; it has {actual_length}",
    "bool_type": "write true or false",
}


def example_of(pattern: str) -> str:
    """What to write where this pattern, or a sentence that quotes it, wants something else."""
    return next((words for part, words in _PATTERNS.items() if part in pattern), f"write what matches {pattern}")


_PATTERNS = {
    "[A-Z]{3}": "write the three capitals of a currency, such as GBP",
    "T[0-9]{2}": "write an instant in UTC, such as 2026-03-10T09:30:00Z",
    "{0,49}": "write a name of letters, digits, dots, hyphens and underscores, at most 50",
    "{0,99}": "write an id of letters, digits and . _ : / -, at most 100",
}
