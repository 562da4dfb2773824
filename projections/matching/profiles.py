"""Profiles: what of a record counts when records are compared, in comparable form."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from aggregates import phones as plans
from aggregates.folding import folded
from projections.matching.addresses import Address, address_of
from projections.matching.names import (
    CompanyName,
    PersonName,
    company_name,
    person_name,
)

SHARED_DOMAINS = frozenset(
    {
        *("qq.com", "vip.qq.com", "foxmail.com", "163.com", "vip.163.com", "126.com", "yeah.net"),
        *("sina.com", "sina.cn", "vip.sina.com", "sohu.com", "139.com", "189.cn", "21cn.com"),
        *("aliyun.com", "tom.com", "wo.cn", "gmail.com", "googlemail.com", "outlook.com"),
        *("hotmail.com", "live.com", "msn.com", "yahoo.com", "yahoo.cn", "yahoo.com.cn"),
        *("icloud.com", "me.com", "aol.com", "proton.me", "protonmail.com", "mail.com", "gmx.de"),
    }
)
"""Where everybody may have a mailbox: sharing one says nothing of an employer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A record in comparable form. A company has ``company``, a person has ``person``."""

    company: CompanyName | None = None
    short: CompanyName | None = None
    """What the company is called for short."""
    former: frozenset[CompanyName] = frozenset()
    """Names under which it was entered a second time."""
    person: PersonName | None = None
    people: frozenset[str] = frozenset()
    """Names of a company's contacts."""
    phones: frozenset[str] = frozenset()
    """E.164, a company's contacts' among them."""
    emails: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    """A company's own: of its website and of its mailboxes."""
    address: Address | None = None
    postcode: str | None = None
    began_on: date | None = None
    """A person's birthday, a company's founding."""

    @property
    def company_names(self) -> tuple[CompanyName, ...]:
        return (*(n for n in (self.company, self.short) if n is not None), *self.former)

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, f.name) for f in fields(self))


def company(
    name: str | None = None,
    *,
    short_name: str | None = None,
    former_names: Iterable[str] = (),
    phones: Iterable[str | None] = (),
    emails: Iterable[str | None] = (),
    website: str | None = None,
    address: str | None = None,
    postcode: str | None = None,
    founded_on: date | None = None,
    people: Iterable[str | None] = (),
) -> Profile:
    """A customer, from what is written in its record and in those of its contacts."""
    mailboxes = frozenset(filter(None, map(mailbox, emails)))
    hosts = {m.partition("@")[2] for m in mailboxes} | {host(website)}
    return Profile(
        company=company_name(name) if name else None,
        short=company_name(short_name) if short_name else None,
        former=frozenset(map(company_name, former_names)),
        people=frozenset(p.joined for text in people if text and (p := person_name(text))),
        phones=frozenset(n.partition(";")[0] for n in map(e164, phones) if n),
        emails=mailboxes,
        domains=frozenset(h for h in hosts if h and h not in SHARED_DOMAINS),
        address=address_of(address),
        postcode=_code(postcode),
        began_on=founded_on,
    )


def company_of(line: Mapping[str, Any]) -> Profile:
    """A customer from the columns of its row, with ``phones``, ``emails`` and ``people`` of its
    contacts, and ``former_names`` and ``former_phones`` of those merged into it (None: none)."""
    return company(
        line["name"],
        short_name=line["short_name"],
        former_names=line["former_names"] or (),
        phones=[line["phone"], *(line["phones"] or ()), *(line["former_phones"] or ())],
        emails=line["emails"] or (),
        website=line["website"],
        address=line["address"],
        postcode=line["postcode"],
        founded_on=line["founded_on"],
        people=line["people"] or (),
    )


def person(
    name: str | None = None,
    *,
    phone: str | None = None,
    email: str | None = None,
    address: str | None = None,
    birthday: date | None = None,
) -> Profile:
    """A contact, from what is written in its record."""
    return Profile(
        person=person_name(name) if name else None,
        phones=frozenset(filter(None, [e164(phone)])),
        emails=frozenset(filter(None, [mailbox(email)])),
        address=address_of(address),
        began_on=birthday,
    )


def _code(text: str | None) -> str | None:
    return re.sub(r"\W", "", folded(text)) or None if text else None


@lru_cache(50_000)
def e164(text: str | None) -> str | None:
    """``+8613812345678``, an extension behind a semicolon; None for what is no number."""
    number = plans.possible(text) if text else None
    if number is None:
        return None
    return plans.international(number) + (f";{number.extension}" if number.extension else "")


def mailbox(text: str | None) -> str | None:
    """An e-mail address in comparable form."""
    plain = folded(text).strip() if text else ""
    return plain if "@" in plain.strip("@") else None


def host(text: str | None) -> str | None:
    """The host of a website's address, without ``www.``."""
    if not text:
        return None
    plain = folded(text).strip()
    try:
        found = urlsplit(plain if "//" in plain else f"//{plain}").hostname
    except ValueError:
        return None
    return found.removeprefix("www.") if found and "." in found else None
