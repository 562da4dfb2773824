"""Invented companies, places and people, by number: the same number is always the same one."""

from typing import NamedTuple

# Invented places: no company here can be one that exists.
_PLACES = (
    *("云泽", "青岚州", "沧浦", "望川渡", "北屿州", "南棠", "东麓州", "西陵渡", "临渊", "鹭洲"),
    *("枫桥浦", "墨湖", "澄江岭", "霁城", "九溪渡", "长亭州", "苍梧岭", "雁回州", "听涛", "月湾渡"),
    *(
        "栖霞浦",
        "白鹿岭",
        "锦屏州",
        "清漪",
        "柳河渡",
        "丹枫岭",
        "银滩浦",
        "松原渡",
        "碧落州",
        "星沙渡",
    ),
)
_AREA_CODES = ("0571", "0512", "0574", "0532", "0755", "0757", "027", "028", "029", "024")
_DISTRICTS = ("高新区", "经开区", "东湖区", "北城区", "临港区", "南岭区")
_ROADS = ("创业路", "工业大道", "科技三路", "兴业街", "滨江路", "产业园一路", "锻造路", "启航路")
_FIRST = "恒瑞嘉泰鼎博远信诚盛凌启翰睿铭卓朗昊景宏骏腾毅勤"
_SECOND = "川峰越达科辰元海航图源策岳桥帆石林野澜舟工力机阳"
_THIRD = ("", "隆", "盈", "森", "珂", "维", "栋", "熙")
_TRADES = (
    ("精密机械", "manufacturing"),
    ("新能源", "energy"),
    ("汽车零部件", "manufacturing"),
    ("医疗器械", "healthcare"),
    ("模具", "manufacturing"),
    ("光伏材料", "energy"),
    ("电子", "manufacturing"),
    ("物流设备", "logistics"),
    ("液压件", "manufacturing"),
    ("储能系统", "energy"),
    ("五金制品", "manufacturing"),
    ("建筑工程", "construction"),
    ("阀门", "manufacturing"),
    ("电力装备", "energy"),
    ("轴承", "manufacturing"),
    ("食品机械", "retail"),
    ("教育装备", "education"),
    ("航空部件", "manufacturing"),
    ("智能装备", "software"),
    ("电梯配件", "manufacturing"),
)
_FORMS = ("有限公司", "有限公司", "股份有限公司", "有限责任公司")


def _spelt(text: str) -> tuple[tuple[str, str], ...]:
    """Names with how they are spelt, written ``王:wang 李:li``."""
    found = (pair.partition(":") for pair in text.split())
    return tuple((name, spelt) for name, _, spelt in found)


_SURNAMES = _spelt(
    "王:wang 李:li 张:zhang 刘:liu 陈:chen 杨:yang 赵:zhao 黄:huang 周:zhou 吴:wu 徐:xu 孙:sun "
    "胡:hu 朱:zhu 高:gao 林:lin 何:he 郭:guo 马:ma 罗:luo 梁:liang 宋:song 郑:zheng 谢:xie "
    "韩:han 唐:tang 冯:feng 于:yu 董:dong 萧:xiao 程:cheng 曹:cao 袁:yuan 邓:deng 许:xu 傅:fu"
)
_GIVEN = _spelt(
    "明轩:mingxuan 雨桐:yutong 浩然:haoran 思远:siyuan 佳怡:jiayi 子涵:zihan 建国:jianguo "
    "丽华:lihua 志强:zhiqiang 晓燕:xiaoyan 文博:wenbo 静怡:jingyi 俊杰:junjie 欣妍:xinyan "
    "海涛:haitao 玉兰:yulan 天宇:tianyu 梦洁:mengjie 国栋:guodong 婉清:wanqing 立新:lixin "
    "春梅:chunmei 永康:yongkang 秀芳:xiufang 振华:zhenhua 雪琴:xueqin 少华:shaohua "
    "美玲:meiling 德胜:desheng 红霞:hongxia 伟:wei 敏:min 磊:lei 娜:na 强:qiang 洁:jie "
    "军:jun 颖:ying 波:bo"
)
_COMPANIES = len(_PLACES) * len(_FIRST) * len(_SECOND) * len(_THIRD) * len(_TRADES)
_PEOPLE = len(_SURNAMES) * len(_GIVEN)
# Coprime with the counts above: neighbouring numbers look unlike each other, and none repeats.
_STRIDE = 1_051_409
_STRIDE_OF_PEOPLE = 103
_MOBILES = (
    *(139, 138, 137, 136, 135, 150, 151, 152, 157, 158),
    *(159, 182, 187, 188, 130, 131, 132, 155, 186, 189),
)
"""Beginnings of mobile numbers."""
_SERIAL = 100_000
MOBILES = len(_MOBILES) * _SERIAL
"""How many mobile numbers there are."""


class Company(NamedTuple):
    name: str
    short_name: str
    industry: str
    place: str
    form: str

    @property
    def rewritten(self) -> str:
        """The name as somebody writes it who did not look whether the company is there."""
        return f"{self.place}市{self.name.removeprefix(self.place)}"

    @property
    def subsidiary(self) -> str:
        return f"{self.name.removesuffix(self.form)}销售{self.form}"


class Person(NamedTuple):
    name: str
    login: str


def company(seed: int, number: int) -> Company:
    """The company of this number; no two of the first million of a seed are the same."""
    chosen = (number + seed * 1_000_000) * _STRIDE % _COMPANIES
    chosen, place = divmod(chosen, len(_PLACES))
    chosen, trade = divmod(chosen, len(_TRADES))
    chosen, third = divmod(chosen, len(_THIRD))
    second, first = divmod(chosen, len(_FIRST))
    what, industry = _TRADES[trade]
    brand, form = _FIRST[first] + _SECOND[second] + _THIRD[third], _FORMS[number % len(_FORMS)]
    name = f"{_PLACES[place]}{brand}{what}{form}"
    return Company(name, brand + what, industry, _PLACES[place], form)


def person(number: int) -> Person:
    """The person of this number; the same names come back after a thousand."""
    given, surname = divmod(number * _STRIDE_OF_PEOPLE % _PEOPLE, len(_SURNAMES))
    name, spelt = _SURNAMES[surname], _GIVEN[given]
    return Person(name[0] + spelt[0], f"{name[1]}.{spelt[1]}")


def mobile(number: int) -> str:
    """A valid mobile number that looks like nobody's; as many as ``MOBILES`` differ."""
    serial, beginning = divmod(number % MOBILES, len(_MOBILES))
    return f"{_MOBILES[beginning]}000{serial:05}"


def landline(number: int) -> str:
    """A valid number of a switchboard that looks like nobody's."""
    code = _AREA_CODES[number % len(_AREA_CODES)]
    return f"{code}-8{number // len(_AREA_CODES) % 10_000_000:07}"


def address(place: str, number: int) -> str:
    """Somewhere in the place."""
    number, district = divmod(number, len(_DISTRICTS))
    house, road = divmod(number, len(_ROADS))
    return f"{place}市{_DISTRICTS[district]}{_ROADS[road]}{house % 320 + 1}号"
