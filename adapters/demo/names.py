"""Invented companies and people of real cities, by number: the same number is always the same."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from adapters.demo.cities import CITIES, City

_DISTRICTS = ("高新区", "经开区", "工业园区", "城北工业区", "临港产业园", "科技产业园")
_ROADS = ("创业路", "工业大道", "科技三路", "兴业街", "滨江路", "产业园一路", "锻造路", "启航路")
_FIRST = (
    *"恒瑞嘉泰鼎博远信诚盛凌启翰睿铭卓朗昊景宏骏腾毅勤",
    *"润晟锐智创德安久永兴华康普益聚弘钧晋沃耀仁荣祥庆",
)
_SECOND = (
    *"川峰越达科辰元海航图源策岳桥帆石林野澜舟工力机阳",
    *"丰成和泽拓胜迪邦洋固旭格凯雷岩江河山云星原田屹泉",
)
# Always three characters: two would often be the name of a company that exists in the city.
_THIRD = (
    *"隆盈珂维栋熙森鑫裕昌茂琪韬奕轩皓翔彬毓霖冠钰尧",
    *"楷榕璟瀚岚澄潇湛煜烨炜铎钊锴锵镕骁骞骥翊翎翯蔚芃荃莘葳蕴馥潼漪瑄璐",
)
# Who makes things of metal buys machine tools; the others here make what their industry uses.
_MANUFACTURING = (
    *("精密机械", "汽车零部件", "模具", "电子", "液压件", "五金制品", "阀门", "轴承"),
    *("食品机械", "航空部件", "智能装备", "电梯配件", "激光设备", "传动部件", "金属制品"),
    *("塑料机械", "紧固件", "纺织机械", "农业机械", "仪器仪表", "轨道交通装备", "泵业"),
    *("齿轮", "压缩机", "包装机械", "船舶配件", "橡塑机械", "印刷机械", "刀具", "铸造"),
)
_ENERGY = (
    *("新能源装备", "光伏设备", "储能系统", "电力装备"),
    *("风电设备", "充电设备", "水电设备", "核电配件"),
)
_TRADES = (
    *((trade, "manufacturing") for trade in _MANUFACTURING),
    *((trade, "energy") for trade in _ENERGY),
    ("医疗器械", "healthcare"),
    ("康复器械", "healthcare"),
    ("物流装备", "logistics"),
    ("建筑机械", "construction"),
)
_KINDS = ("", "科技", "实业", "技术")
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
    "军:jun 颖:ying 波:bo 宇航:yuhang 嘉豪:jiahao 诗涵:shihan 一鸣:yiming 若曦:ruoxi 景行:jingxing "
    "思齐:siqi 乐怡:leyi 晨曦:chenxi 泽宇:zeyu 慧敏:huimin 正阳:zhengyang 书瑶:shuyao "
    "凯文:kaiwen 瑞雪:ruixue 向东:xiangdong 丽娟:lijuan 学军:xuejun 卫国:weiguo 桂英:guiying "
    "长林:changlin 金凤:jinfeng 庆丰:qingfeng 素珍:suzhen 家辉:jiahui 冬梅:dongmei "
    "世杰:shijie 亚楠:yanan 鹏飞:pengfei 安琪:anqi 宏伟:hongwei 月华:yuehua 成功:chenggong "
    "淑贞:shuzhen 立群:liqun 芳:fang 涛:tao 静:jing 超:chao 鹏:peng"
)
_PARTS: tuple[Sequence[object], ...] = (CITIES, _TRADES, _KINDS, _THIRD, _FIRST, _SECOND)
_COMPANIES = prod(map(len, _PARTS))
"""More than a thousand million: as many as a thousand seeds of a million customers have."""
_EACH_SEED = 1_000_000
_HALVES = len(_FIRST) * len(_SECOND) * len(_THIRD)
"""How many halves of a number there are, a divisor of all."""
_ROUNDS = 3
_PEOPLE = len(_SURNAMES) * len(_GIVEN)
# Coprime with the counts above: neighbouring numbers look unlike each other, and none repeats.
_STRIDE = 699_900_059
_STRIDE_OF_PEOPLE = 1_033
_MOBILES = (
    *(139, 138, 137, 136, 135, 134, 147, 150, 151, 152, 157, 158, 159, 178, 182, 183, 184, 187),
    *(188, 198, 130, 131, 132, 145, 155, 156, 166, 175, 176, 185, 186, 133, 153, 173, 177, 180),
    *(181, 189, 191, 199),
)
"""Beginnings of mobile numbers."""
MOBILES = len(_MOBILES) * 1_000_000
"""How many mobile numbers there are."""
_STRIDE_OF_MOBILES, _MOBILES_APART = 15_278_641, 24_721_361
_LANDLINES, _FIRST_LANDLINE = 9_000_000, 1_000_000
_LANDLINES_APART, _STRIDE_OF_LANDLINES = 5_562_307, 3_819_661
"""Seeds begin so far apart: of any ten of them, the closest are as far as can be."""


class Company(NamedTuple):
    name: str
    short_name: str
    industry: str
    city: City
    form: str

    @property
    def rewritten(self) -> str:
        """The name as somebody writes it who did not look whether the company is there."""
        return f"{self.city.name}市{self.name.removeprefix(self.city.name)}"

    @property
    def subsidiary(self) -> str:
        return f"{self.name.removesuffix(self.form)}销售{self.form}"


class Person(NamedTuple):
    name: str
    login: str


def company(seed: int, number: int) -> Company:
    """The company of this number; a million of each seed differ, and so do those of two seeds."""
    left = _scattered(seed * _EACH_SEED + number)
    chosen = []
    for part in map(len, _PARTS):
        left, one = divmod(left, part)
        chosen.append(one)
    place, trade, kind, third, first, second = chosen
    what, industry = _TRADES[trade]
    brand, form = _FIRST[first] + _SECOND[second] + _THIRD[third], _FORMS[number % len(_FORMS)]
    name = f"{CITIES[place].name}{brand}{what}{_KINDS[kind]}{form}"
    return Company(name, brand + what, industry, CITIES[place], form)


def _scattered(number: int) -> int:
    """Another number below ``_COMPANIES``, of each another one; neighbours come far apart, and
    what they are made of differs."""
    for _ in range(_ROUNDS):
        high, low = divmod(number * _STRIDE % _COMPANIES, _COMPANIES // _HALVES)
        number = low * _HALVES + high
    return number * _STRIDE % _COMPANIES


def person(number: int) -> Person:
    """The person of this number; the same names come back after some thousands."""
    given, surname = divmod(number * _STRIDE_OF_PEOPLE % _PEOPLE, len(_SURNAMES))
    name, spelt = _SURNAMES[surname], _GIVEN[given]
    return Person(name[0] + spelt[0], f"{name[1]}.{spelt[1]}")


def mobile(seed: int, number: int) -> str:
    """A valid mobile number that looks like nobody's; as many of a seed as ``MOBILES`` differ."""
    one = (seed * _MOBILES_APART + number) * _STRIDE_OF_MOBILES % MOBILES
    serial, beginning = divmod(one, len(_MOBILES))
    return f"{_MOBILES[beginning]}00{serial:06}"


def landline(seed: int, number: int, city: City) -> str:
    """A valid number of a switchboard in the city; those of a seed differ, and look unlike."""
    line = (seed * _LANDLINES_APART + number) * _STRIDE_OF_LANDLINES % _LANDLINES
    return f"{city.area_code}-8{_FIRST_LANDLINE + line}"


def website(city: City, number: int) -> str:
    """An address that nobody can have."""
    return f"https://{city.spelt}{number}.example.com"


def email(seed: int, number: int, login: str) -> str:
    """An address that nobody else has, and nobody can have."""
    return f"{login}{number}{'' if seed == 1 else f'.{seed}'}@example.com"


def address(city: City, number: int) -> str:
    """Somewhere in the city."""
    number, district = divmod(number, len(_DISTRICTS))
    house, road = divmod(number, len(_ROADS))
    return f"{city.full_name}{_DISTRICTS[district]}{_ROADS[road]}{house % 320 + 1}号"
