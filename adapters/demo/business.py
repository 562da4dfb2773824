"""What the simulated company sells, and what its customers and sellers say."""

from typing import NamedTuple


class Product(NamedTuple):
    name: str
    price: int
    """In CNY."""


PRODUCTS = (
    Product("NL-200 数控车床", 286_000),
    Product("VM-850 立式加工中心", 458_000),
    Product("LC-3015 激光切割机", 632_000),
    Product("R-20 工业机器人", 198_000),
    Product("CL-10 装配输送线", 1_150_000),
    Product("年度维保服务", 48_000),
)
TITLES = ("采购经理", "设备部部长", "生产总监", "总经理", "技术主管")
TAGS = ("重点", "老客户介绍", "展会", "价格敏感", "需要现场勘查", "有分期需求")
NEEDS = (
    "计划更新一条产线，要求年内投产。",
    "现有设备精度不够，希望先试加工样件。",
    "新厂房下半年交付，需要成套方案。",
    "关注交货期和售后响应时间。",
)
NEEDS_REASONS = ("拜访后更新需求", "客户来电说明新计划", "技术交流会上提出")
PHONE_REASONS = ("客户更换总机号码", "原号码停用")
NOTES = (
    "竞争对手报价低 12%",
    "集团今年冻结设备预算",
    "客户决定推迟到明年",
    "需要五轴联动，目前型号不满足",
    "",
)
AMOUNT_REASONS = ("增加备件和培训", "客户减少一台", "按分期付款重新报价")
STRENGTHS = ("客户认可试加工结果", "交货期短于对手", "已有同型号设备在用")
WEAKNESSES = ("报价偏高", "当地没有服务网点", "决策人尚未见面")
SOURCES = ("exhibition", "website", "referral", "phone", "advertisement", "partner")
LOST_REASONS = ("price", "competitor", "no_budget", "no_decision", "timing", "product_gap")
