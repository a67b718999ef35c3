"""What all shapes share: how the vendor's names become ours, the envelope, pages, batches, times, secrets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from ATPLibrary.errors import InputError
from ATPLibrary.secrets import MASK, Secret

Item = TypeVar("Item")

# A code that this version doesn't know stays a plain number.
LENIENT = Field(union_mode="left_to_right")


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError("Input should be text")
    return Secret(value)


# A password or key in an answer: it is shown as asterisks, and everything that is written anywhere is redacted of it.
SecretAnswer = Annotated[Secret, PlainValidator(_secret), PlainSerializer(lambda secret: MASK)]
# One in a request: only what is sent has it in the clear.
SecretRequest = Annotated[Secret, PlainValidator(_secret), PlainSerializer(lambda secret: secret.reveal())]


class VendorModel(BaseModel):
    """Fields are ours in snake_case; the vendor's name is the same in camelCase unless an alias says otherwise.

    In an answer everything but ids and names may be missing: the platform leaves out what it has no value for. What it adds
    in a newer version is ignored. An answer that `holds_secrets` isn't quoted in an error.
    """

    holds_secrets: ClassVar[bool] = False

    model_config = ConfigDict(
        frozen=True,
        populate_by_name=True,
        alias_generator=to_camel,
        extra="ignore",
        coerce_numbers_to_str=True,
        defer_build=True,
        arbitrary_types_allowed=True,
    )

    @classmethod
    def secret_names(cls) -> set[str]:
        """The vendor's names of the fields that are passwords or keys."""
        return {field.alias or name for name, field in cls.model_fields.items() if Secret in _parts(field.annotation)}


def _parts(annotation: Any) -> list[Any]:
    """A type and those that it is made of."""
    return [annotation, *(part for each in get_args(annotation) for part in _parts(each))]


class Request(VendorModel):
    """Something that is sent. A value of another type, or a field that there isn't, is an `InputError` before it is sent."""

    model_config = ConfigDict(extra="forbid")

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = (
                f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            )
            name = (type(self).__doc__ or type(self).__name__).split("`")[1]
            raise InputError(
                f"What would be sent to the platform as {name} isn't right: {'; '.join(problems)}."
            ) from None


class Outcome(VendorModel):
    """`BaseResponseVO`: `status` 0 is success, anything else an error that `msg` tells about."""

    status: int = Field(strict=True)
    message: str | None = Field(default=None, alias="msg")


class ClientOutcome(VendorModel):
    """`BaseResponseVO` of the paths for users' own clients: the outcome and the answer's fields are one object."""

    status: int = Field(strict=True, alias="returnCode")
    message: str | None = Field(default=None, alias="msg")


class Envelope(Outcome, Generic[Item]):
    """`ResponseVO`: the outcome, with what was asked for in `data`."""

    data: Item


class AnyEnvelope(Outcome):
    """`ResponseVO` with whatever there is in `data`."""

    data: Any = None


class Page(VendorModel, Generic[Item]):
    """`PageResult`: one page of a list; `page_num` counts from 1."""

    # Null where there is nothing. A validator that made it a list would have pydantic read the answer twice as slowly.
    listed: list[Item] | None = Field(alias="list")
    page_num: int | None = None
    page_size: int | None = None
    pages: int | None = None
    total: int | None = None

    @property
    def items(self) -> list[Item]:
        return self.listed or []


class Timestamp(VendorModel):
    """`Timestamp`: a moment as the platform's Java writes it; `time` is milliseconds since 1970 in UTC."""

    time: int | None = None

    @property
    def moment(self) -> datetime | None:
        return None if self.time is None else datetime.fromtimestamp(self.time / 1000, UTC)


class IdList(Request):
    """`BatchIdListDto`: the ids of what is to be worked on."""

    ids: list[str] = Field(serialization_alias="idList")


class EventTicket(VendorModel):
    """`EventIdVO`: the id under which a long operation can be followed."""

    event_id: str


class Refusal(VendorModel):
    """`ErrorInfo`: a VM of a batch for which the platform didn't even start the operation, and why."""

    vm_id: str | None = Field(default=None, alias="domainId")
    vm_name: str | None = Field(default=None, alias="domainName")
    reason: str | None = Field(default=None, alias="errorMsg")


class BatchAnswer(VendorModel):
    """`DomainBatchTaskVO`: an event id for each VM that the operation was started for, a refusal for each other one."""

    event_ids: list[str] = Field(default=[], alias="eventIdList")
    refusals: list[Refusal] = Field(default=[], alias="errorList")

    @field_validator("event_ids", "refusals", mode="before")
    @classmethod
    def _nothing_may_be_null(cls, value: object) -> object:
        return [] if value is None else value
