"""Invented companies by number, with names as Chinese companies have them."""

from random import Random
from typing import NamedTuple

PLACES = (
    *("北京", "上海", "广州", "深圳", "杭州", "苏州", "南京", "成都", "武汉", "重庆", "天津"),
    *("西安", "长沙", "青岛", "宁波", "厦门", "郑州", "济南", "合肥", "福州", "东莞", "佛山"),
)
TRADES = {
    "科技": 25,
    "信息技术": 8,
    "网络科技": 5,
    "贸易": 8,
    "商贸": 6,
    "实业": 3,
    "电子": 4,
    "机械": 4,
    "建筑工程": 4,
    "装饰设计": 3,
    "文化传媒": 4,
    "教育咨询": 3,
    "企业管理": 3,
    "生物科技": 3,
    "医疗器械": 2,
    "食品": 3,
    "物流": 3,
    "新能源": 2,
    "新材料": 2,
    "环保": 2,
    "五金制品": 2,
    "服饰": 2,
    "汽车销售服务": 2,
    "房地产开发": 2,
    "化工": 2,
    "包装材料": 2,
}
FORMS = {"有限公司": 78, "股份有限公司": 7, "有限责任公司": 9, "集团有限公司": 3, "公司": 3}
SIGNS = (
    "华鑫瑞恒盛泰德信诚远达宏博通联创新智云天海龙凤金银铭嘉佳美康安宁福禄寿喜乐丰泽润江河山川林森"
    "木石玉珠明光辉阳星辰宇宙中正方圆元亨利贞永久长兴旺隆昌顺吉祥和平顺凯胜捷飞翔鹏程万里东南西北"
    "春夏秋冬梅兰竹菊松柏青蓝紫橙红白黑科技文化艺尚品优良精英豪杰俊朗睿哲思源深广博雅致远航启晨旭"
)


class Company(NamedTuple):
    name: str
    brand: str
    phone: str
    number: str


def company(seed: int, number: int) -> Company:
    """The company of this number: the same one each time."""
    draw = Random(seed * 10_000_000 + number)
    brand = "".join(draw.choices(SIGNS, k=draw.choice((2, 2, 2, 3, 3, 4))))
    [trade] = draw.choices(list(TRADES), list(TRADES.values()))
    [form] = draw.choices(list(FORMS), list(FORMS.values()))
    name = f"{draw.choice(PLACES)}{brand}{trade}{form}"
    if draw.random() < 0.05:
        name += f"{draw.choice(PLACES)}分公司"
    phone = f"1{draw.choice('35789')}{draw.randrange(10**9):09d}"
    return Company(name, brand, phone, f"KH-2026-{number:06d}")
