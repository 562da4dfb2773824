"""Invented companies, places and people, by number: the same number is always the same one."""

from typing import NamedTuple

# Invented places: no company here can be one that exists.
_PLACES = (
    *("云泽", "青岚州", "沧浦", "望川渡", "北屿州", "南棠", "东麓州", "西陵渡", "临渊", "鹭洲"),
    *("枫桥浦", "墨湖", "澄江岭", "霁城", "九溪渡", "长亭州", "苍梧岭", "雁回州", "听涛", "月湾渡"),
)
_FIRST = "恒瑞嘉泰鼎博远信诚盛凌启翰睿铭卓朗昊景宏"
_SECOND = "川峰越达科辰元海航图源策岳桥帆石林野澜舟"
_TRADES = (
    ("精密机械", "manufacturing"),
    ("汽车零部件", "manufacturing"),
    ("电子", "manufacturing"),
    ("新能源", "energy"),
    ("医疗器械", "healthcare"),
    ("物流设备", "logistics"),
    ("建筑工程", "construction"),
    ("信息技术", "software"),
    ("食品", "retail"),
    ("教育装备", "education"),
)
_FORMS = ("有限公司", "有限公司", "股份有限公司", "有限责任公司")

_SURNAMES = (
    *(("王", "wang"), ("李", "li"), ("张", "zhang"), ("刘", "liu"), ("陈", "chen"), ("杨", "yang")),
    *(("赵", "zhao"), ("黄", "huang"), ("周", "zhou"), ("吴", "wu"), ("徐", "xu"), ("孙", "sun")),
    *(("胡", "hu"), ("朱", "zhu"), ("高", "gao"), ("林", "lin"), ("何", "he"), ("郭", "guo")),
)
_GIVEN = (
    *(("明轩", "mingxuan"), ("雨桐", "yutong"), ("浩然", "haoran"), ("思远", "siyuan")),
    *(("佳怡", "jiayi"), ("子涵", "zihan"), ("建国", "jianguo"), ("丽华", "lihua")),
    *(("志强", "zhiqiang"), ("晓燕", "xiaoyan"), ("文博", "wenbo"), ("静怡", "jingyi")),
    *(("俊杰", "junjie"), ("欣妍", "xinyan"), ("海涛", "haitao"), ("玉兰", "yulan")),
    *(("天宇", "tianyu"), ("梦洁", "mengjie"), ("国栋", "guodong"), ("婉清", "wanqing")),
)
_COMPANIES = len(_PLACES) * len(_FIRST) * len(_SECOND) * len(_TRADES)
_PEOPLE = len(_SURNAMES) * len(_GIVEN)
# Coprime with the counts above: neighbouring numbers look unlike each other, and none repeats.
_STRIDE = 51_407
_STRIDE_OF_PEOPLE = 103
_APART = 7_919
"""How far the companies of one seed are from the next seed's."""


class Company(NamedTuple):
    name: str
    short_name: str
    industry: str
    place: str


class Person(NamedTuple):
    name: str
    login: str


def company(seed: int, number: int) -> Company:
    """The company of this number; no two of the first 80,000 of a seed are the same."""
    chosen = (number + seed * _APART) * _STRIDE % _COMPANIES
    chosen, place = divmod(chosen, len(_PLACES))
    chosen, first = divmod(chosen, len(_FIRST))
    trade, second = divmod(chosen, len(_SECOND))
    (what, industry), brand = _TRADES[trade], _FIRST[first] + _SECOND[second]
    form = _FORMS[number % len(_FORMS)]
    return Company(f"{_PLACES[place]}{brand}{what}{form}", brand + what, industry, _PLACES[place])


def person(number: int) -> Person:
    """The person of this number; the same names come back after a few hundred."""
    given, surname = divmod(number * _STRIDE_OF_PEOPLE % _PEOPLE, len(_SURNAMES))
    name, spelt = _SURNAMES[surname], _GIVEN[given]
    return Person(name[0] + spelt[0], f"{name[1]}.{spelt[1]}")


def mobile(number: int) -> str:
    """A valid mobile number that looks like nobody's."""
    return f"13{number // 10_000 % 10}0000{number % 10_000:04}"
