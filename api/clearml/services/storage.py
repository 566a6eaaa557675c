"""`storage`: how storage elsewhere is reached. Secrets go in, and do not come out."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from api.clearml.endpoint import ClearmlCall, Endpoint, Request
from api.clearml.times import iso

Text = Annotated[str, Field(max_length=2000)]
Credentials = Annotated[str, Field(max_length=20_000)]

_MOST: Final = 1000


class AwsBucket(Request):
    bucket: Text | None = None
    subdir: Text | None = None
    host: Text | None = None
    key: Text | None = None
    secret: Text | None = None
    token: Credentials | None = None
    region: Text | None = None
    acl: Text | None = None
    multipart: bool = True
    secure: bool = True
    verify: bool = True
    use_credentials_chain: bool = False


class Aws(Request):
    key: Text | None = None
    secret: Text | None = None
    token: Credentials | None = None
    region: Text | None = None
    use_credentials_chain: bool = False
    buckets: list[AwsBucket] = Field(default_factory=list, max_length=_MOST)


class GoogleBucket(Request):
    bucket: Text | None = None
    subdir: Text | None = None
    project: Text | None = None
    credentials_json: Credentials | None = None


class Google(Request):
    project: Text | None = None
    credentials_json: Credentials | None = None
    buckets: list[GoogleBucket] = Field(default_factory=list, max_length=_MOST)


class AzureContainer(Request):
    account_name: Text | None = None
    account_key: Text | None = None
    container_name: Text | None = None


class Azure(Request):
    containers: list[AzureContainer] = Field(default_factory=list, max_length=_MOST)


class SettingsRequest(Request):
    aws: Aws | None = None
    google: Google | None = None
    azure: Azure | None = None


class ResetRequest(Request):
    keys: list[Literal["aws", "google", "azure"]] = Field(min_length=1)


async def get_settings(call: ClearmlCall[Request]) -> dict[str, Any]:
    shown = await call.node.storage_settings.show()
    return {"settings": shown.settings | {"last_update": iso(shown.changed)}}


async def set_settings(call: ClearmlCall[SettingsRequest]) -> dict[str, Any]:
    """Each kind of storage is set as a whole; what is not named stays."""
    given = call.body.model_dump(exclude_none=True)
    return {"updated": int(bool(await call.node.storage_settings.set(given)))}


async def reset_settings(call: ClearmlCall[ResetRequest]) -> dict[str, Any]:
    return {"updated": int(bool(await call.node.storage_settings.reset(call.body.keys)))}


ENDPOINTS: Final = (
    Endpoint("storage.get_settings", get_settings, "Settings without secrets", since="2.22"),
    Endpoint("storage.set_settings", set_settings, "Set them", SettingsRequest, "2.31", access="user"),
    Endpoint("storage.reset_settings", reset_settings, "Forget some", ResetRequest, "2.31", access="user"),
)
