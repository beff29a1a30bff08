"""Profiles: the assistants that administrators make for groups."""

import unicodedata
from collections.abc import Sequence
from itertools import islice
from typing import Any, TypedDict, cast
from uuid import UUID

from src.domains.chat.models import Profile, WithoutSources
from src.domains.chat.repositories.profiles import ProfileRepository
from src.domains.chat.services.offers import ASSISTANT, Offers
from src.domains.chat.services.turn import Assistant
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.chat import ProfileChanged, ProfileDeleted, ProfileFacts
from src.shared.exceptions.errors import Conflict, NotFound
from src.shared.middleware.authentication import Principal

PROFILES = "chat.profiles"
"""The lock of those who decide by what profiles there are."""
MOST_PROFILES = 200


class UnknownProfile(NotFound):
    code = "unknown_profile"


class ProfileNameTaken(Conflict):
    code = "profile_name_taken"


class TooManyProfiles(Conflict):
    code = "too_many_profiles"


class ProfileChange(TypedDict, total=False):
    """What of a profile shall change; all of it for a new one."""

    name: str
    description: str
    system_prompt: str
    model: str | None
    temperature: float | None
    collection_ids: Sequence[UUID]
    group_ids: Sequence[UUID]
    without_sources: WithoutSources


class ProfileService:
    """Administrators manage all profiles; others see those that are for one of their groups."""

    def __init__(self, database: Database, offers: Offers) -> None:
        self._database = database
        self._offers = offers

    async def create(self, admin: Principal, change: ProfileChange) -> Profile:
        def create(uow: UnitOfWork) -> Profile:
            uow.lock(PROFILES)
            profiles = ProfileRepository(uow)
            if len(profiles.all()) >= MOST_PROFILES:
                raise TooManyProfiles(f"There are {MOST_PROFILES} profiles, and there can be no more.")
            profile = Profile(created_at=utc_now())
            self._apply(uow, profile, change)
            profiles.add(profile)
            _record(uow, admin, profile, None)
            return profile

        return await self._database.write(create, alone=True)

    async def page(self, asker: Principal, after: UUID | None, limit: int) -> Sequence[Profile]:
        def page(uow: UnitOfWork) -> Sequence[Profile]:
            following = (each for each in ProfileRepository(uow).all() if after is None or each.id > after)
            return list(islice((each for each in following if _may_use(asker, each)), limit))

        return await self._database.read(page)

    async def get(self, asker: Principal, profile_id: UUID) -> Profile:
        return await self._database.read(lambda uow: usable_profile(uow, profile_id, asker))

    async def named(self, asker: Principal, name: str) -> Profile:
        return await self._database.read(lambda uow: _usable(ProfileRepository(uow).named(name), asker))

    async def change(self, admin: Principal, profile_id: UUID, change: ProfileChange) -> Profile:
        def apply(uow: UnitOfWork) -> Profile:
            uow.lock(PROFILES)
            profile = usable_profile(uow, profile_id, admin)
            before = _facts(profile)
            self._apply(uow, profile, change)
            _record(uow, admin, profile, before)
            return profile

        return await self._database.write(apply, alone=True)

    async def delete(self, admin: Principal, profile_id: UUID) -> None:
        """Delete a profile; the sessions that had it go on with the platform's own assistant."""

        def delete(uow: UnitOfWork) -> None:
            uow.lock(PROFILES)
            profile = usable_profile(uow, profile_id, admin)
            ProfileRepository(uow).delete(profile)
            uow.record(
                ProfileDeleted(profile_id=profile_id, user_id=admin.user_id, profile_name=profile.name)
            )

        await self._database.write(delete, alone=True)

    def _apply(self, uow: UnitOfWork, profile: Profile, change: ProfileChange) -> None:
        values: dict[str, Any] = {**change, "updated_at": utc_now()}
        if "name" in change:
            values["name"] = unicodedata.normalize("NFC", change["name"])
            self._check_name_is_free(uow, profile, values["name"])
        if "model" in change:
            self._offers.get(change["model"])
        for ids in {"collection_ids", "group_ids"} & values.keys():
            values[ids] = [str(each) for each in dict.fromkeys(values[ids])]
        for field, value in values.items():
            setattr(profile, field, value)

    def _check_name_is_free(self, uow: UnitOfWork, profile: Profile, name: str) -> None:
        """Programs ask for models and for profiles by name, in one field."""
        if name.casefold() in {ASSISTANT, *(offer.name.casefold() for offer in self._offers)}:
            raise ProfileNameTaken("There is a model of this name.")
        others = (each for each in ProfileRepository(uow).all() if each is not profile)
        if any(name.casefold() == each.name.casefold() for each in others):
            raise ProfileNameTaken("There is a profile of this name.")


def usable_profile(uow: UnitOfWork, profile_id: UUID, asker: Principal) -> Profile:
    """Return the profile if it is for the asker; raise `UnknownProfile` as if there were none otherwise.

    Administrators may use each: what documents it answers from is limited to what the asker may read anyway.
    """
    return _usable(ProfileRepository(uow).get(profile_id), asker)


def _usable(profile: Profile | None, asker: Principal) -> Profile:
    if profile is None or not _may_use(asker, profile):
        raise UnknownProfile("There is no such profile, or it is not for you.")
    return profile


def assistant_of(uow: UnitOfWork, profile_id: UUID | None, asker: Principal) -> Assistant:
    """Return how a session with this profile is answered.

    Without one, when it is gone, or when it is for the asker no longer, the platform's own assistant answers.
    """
    profile = ProfileRepository(uow).get(profile_id) if profile_id else None
    if profile is None or not _may_use(asker, profile):
        return Assistant()
    return Assistant(
        profile_id=profile.id,
        instructions=profile.system_prompt,
        model=profile.model,
        temperature=profile.temperature,
        collection_ids=tuple(map(UUID, profile.collection_ids)) or None,
        without_sources=cast("WithoutSources", profile.without_sources),
    )


def _may_use(asker: Principal, profile: Profile) -> bool:
    """A group that was deleted stays named: a profile that was for it alone is for nobody, not for everyone."""
    groups = {str(group_id) for group_id in asker.group_ids}
    return asker.is_admin or not profile.group_ids or not groups.isdisjoint(profile.group_ids)


def _record(uow: UnitOfWork, admin: Principal, profile: Profile, before: ProfileFacts | None) -> None:
    uow.record(
        ProfileChanged(
            profile_id=profile.id,
            user_id=admin.user_id,
            is_new=before is None,
            before=before,
            **_facts(profile).model_dump(),
        )
    )


def _facts(profile: Profile) -> ProfileFacts:
    return ProfileFacts(
        profile_name=profile.name,
        model=profile.model,
        collection_ids=tuple(map(UUID, profile.collection_ids)),
        group_ids=tuple(map(UUID, profile.group_ids)),
        without_sources=profile.without_sources,
    )
