"""Bytes to facts and back: pydantic defines the models, msgspec reads and writes them on the fast path.

`twin(model)` makes the msgspec struct of a pydantic model from its fields and their limits, so that there is one
definition; tests/property/test_decoders.py feeds both the same records and wants the same verdict. The values that
`decode_fact` returns are such structs: they have the models' attributes (that is what they are typed as), not their
methods.

A record's own texts are held against their patterns all at once, which costs half of one look each; only where that
fails is each looked at, to say which one it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, reduce
from operator import attrgetter, or_
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

import msgspec
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from events import i_json
from events.facts import FACTS, Fact
from events.model import Model
from events.printable import printable
from events.said import SAID, AnySaid

REASON_CHARACTERS_MAX = 300
"""Of what a decoder says about a record; it may repeat a part of it."""

_END = r"\Z"
_NONE = "None"
_LIMITS = {Ge: "ge", Gt: "gt", Le: "le", Lt: "lt", MinLen: "min_length", MaxLen: "max_length"}


class Unreadable(ValueError):
    """The bytes are no such record; the text says where and why, and never repeats more than a little of them."""

    def __init__(self, why: str) -> None:
        super().__init__(printable(why))


def unreadable(error: Exception) -> Unreadable:
    """What a decoder's own error comes to: its reason, shortened. RecursionError is no reason but where it was met."""
    if isinstance(error, RecursionError):
        return Unreadable(f"nested deeper than {i_json.LEVELS_MAX} levels")
    return Unreadable(str(error)[:REASON_CHARACTERS_MAX])


def _limits(metadata: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, FieldInfo):
            found |= _limits(item.metadata)
            continue
        for kind, name in _LIMITS.items():
            if isinstance(item, kind):
                found[name] = getattr(item, name)
        if pattern := getattr(item, "pattern", None):
            # pydantic's `$` is the end of the text; Python's would also allow a newline behind it
            found["pattern"] = pattern.removesuffix("$") + _END
        if isinstance(item, StringConstraints):
            found |= {n: v for n in ("min_length", "max_length") if (v := getattr(item, n)) is not None}
    return found


def _shape(annotation: Any, but: str = "") -> Any:
    """The msgspec type of a field's annotation. but: a limit of the field's own that is left out."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        limits = {name: value for name, value in _limits(metadata).items() if name != but}
        return Annotated[_shape(inner, but), msgspec.Meta(**limits)] if limits else _shape(inner, but)
    if origin in (Union, UnionType):
        return reduce(or_, (_shape(a, but) for a in get_args(annotation)))
    if origin is tuple:
        item: Any = _shape(get_args(annotation)[0])
        return tuple[item, ...]
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return twin(annotation)
    if annotation in (str, int, NoneType):
        return annotation
    raise TypeError(f"no msgspec shape for {annotation!r}: teach events/decode.py, or use str, int, tuple or a Model")


def _default(field: FieldInfo) -> Any:
    return msgspec.NODEFAULT if field.is_required() else field.default


def _annotation(field: FieldInfo) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _pattern(annotation: Any) -> str | None:
    """The pattern of a text, or of one that may be None. None: it has none."""
    if get_origin(annotation) in (Union, UnionType):
        return next((found for one in get_args(annotation) if (found := _pattern(one))), None)
    return _limits(list(get_args(annotation)[1:])).get("pattern") if get_origin(annotation) is Annotated else None


def _texts(model: type[Model]) -> Iterator[tuple[str, str]]:
    """(name, pattern) of a record's own texts that `_proof` holds against their patterns, None written out."""
    for name, field in model.model_fields.items():
        pattern = _pattern(_annotation(field)) if "type" in model.model_fields else None
        if pattern is not None and (field.is_required() or re.search(pattern, _NONE)):
            yield name, pattern


def _proof(model: type[Model]) -> Callable[[Any], re.Match[str] | None]:
    """Whether all of a record's own texts are as their patterns say. No pattern lets a line's end pass, so that no text
    can stand for two."""
    names, patterns = zip(*_texts(model), strict=True)
    fields = attrgetter(*names)
    alone = (f"(?:{pattern.removeprefix('^').removesuffix(_END)})" for pattern in patterns)
    match = re.compile(r"\n".join(alone) + _END).match
    return lambda record: match("\n".join([_NONE if text is None else text for text in fields(record)]))


def twin(model: type[Model]) -> type[msgspec.Struct]:
    """The struct with the model's fields, limits, defaults and tag (its `type`). A record's own texts may be any there:
    who makes one of what somebody said asks `converted`."""
    return _twin(model, False)


@cache
def _twin(model: type[Model], closely: bool) -> type[msgspec.Struct]:
    """closely: with the patterns that `_proof` asks for, too."""
    fields, tag = [], None
    proven = () if closely else dict(_texts(model))
    for name, field in model.model_fields.items():
        if name == "type":
            tag = get_args(field.annotation)[0]
            continue
        fields.append((name, _shape(_annotation(field), "pattern" if name in proven else ""), _default(field)))
    namespace = {"type": tag} if tag else {}
    return msgspec.defstruct(
        model.__name__,
        [
            f[:2] if f[2] is msgspec.NODEFAULT else f
            for f in sorted(fields, key=lambda f: f[2] is not msgspec.NODEFAULT)
        ],
        namespace=namespace,
        tag_field="type" if tag else None,
        tag=tag,
        frozen=True,
        gc=False,
        kw_only=True,
        omit_defaults=True,
    )


def converted(value: object, model: type[Model]) -> Any:
    """A record made of plain values. Raises msgspec.ValidationError where it says no such thing."""
    msgspec.convert(value, _twin(model, True))
    return msgspec.convert(value, twin(model))


def _decoder(models: tuple[type[Model], ...]) -> Callable[[bytes], Any]:
    read, closely = (msgspec.json.Decoder(reduce(or_, (_twin(m, c) for m in models))).decode for c in (False, True))
    proofs = {str(model.model_fields["type"].default): _proof(model) for model in models}

    def decode(value: bytes) -> Any:
        try:
            record: Any = read(value)
            if proofs[record.type](record) is None:
                closely(value)
            i_json.require(value, _encode(record))
        except (ValueError, RecursionError) as error:
            raise unreadable(error) from None
        return record

    return decode


def _slow_decoder(models: tuple[type[Model], ...]) -> Callable[[bytes], Any]:
    from pydantic import Field

    union: Any = reduce(or_, models)
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[union, Field(discriminator="type")])

    def decode(value: bytes) -> Any:
        try:
            i_json.require(value)
            return adapter.validate_json(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise Unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:REASON_CHARACTERS_MAX]) from None
        except (ValueError, RecursionError) as error:
            raise unreadable(error) from None

    return decode


decode_fact = cast("Callable[[bytes], Fact]", _decoder(FACTS))
"""A journal record's value to its fact. Raises Unreadable."""

decode_said = cast("Callable[[bytes], AnySaid]", _decoder(SAID))
"""An inbound record's value to what was said. Raises Unreadable."""

decode_fact_slowly = cast("Callable[[bytes], Fact]", _slow_decoder(FACTS))
decode_said_slowly = cast("Callable[[bytes], AnySaid]", _slow_decoder(SAID))

_encode = msgspec.json.Encoder().encode


def encode_fact(fact: Fact | msgspec.Struct) -> bytes:
    """The journal bytes of a fact, from a model or its twin: the same bytes for the same fact."""
    if isinstance(fact, msgspec.Struct):
        return _encode(fact)
    return _encode(decode_fact(fact.model_dump_json().encode()))


def same_content(a: Fact, b: Fact) -> bool:
    """Whether two decoded facts say the same, wherever they were read: `source` is no content."""
    return a.type == b.type and _without_source(a) == _without_source(b)


def _without_source(fact: Any) -> Any:
    return msgspec.structs.replace(fact, source=None)
