"""Provider stores: a whole Store over one SQL database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from ..backends.sql.domain import SqlDomain
from ..backends.sql.session import SqlDatabase
from ..composition import check_domain
from ..domains import DOMAINS
from ..domains.base import init_disabled
from ..domains.unstorable import check_option
from ..errors import ValidationError
from ..once import Once
from ..store import Store, own_members


class SqlProviderStore(Store):
    """Base of the provider stores of SQL databases: one database shared by all domains it provides."""

    provider: ClassVar[str]
    storage_classes: ClassVar[dict[str, type[SqlDomain[Any]]]]

    def _serve(
        self,
        id: str | None,
        database: SqlDatabase,
        domains: Collection[str] | None,
        disable_init: bool,
        unstorable_text: str,
    ) -> None:
        check_option(unstorable_text)
        no_init = init_disabled(disable_init)
        if isinstance(domains, str):
            raise ValidationError("domains must be a collection of names, not one name", details={"field": "domains"})
        wanted = DOMAINS if domains is None else [check_domain(name) for name in domains]
        storages = {
            name: cls.over(database, disable_init=no_init)
            for name, cls in self.storage_classes.items()
            if name in wanted
        }
        self._database = database
        definitions = tuple(model for storage in storages.values() for model in storage.definitions)
        once = Once(lambda: database.create_schema(definitions))  # the database as a whole, whoever comes first (C11)
        for storage in storages.values():
            storage._create_schema = once
        own_id = self.provider if id is None else id
        self._start(own_id, own_members(storages), disable_init=no_init, unstorable_text=unstorable_text)

    async def _close_members(self) -> None:
        closings = [member.target.close() for member in self._members]
        await self._close_all([*closings, self._database.close()])
