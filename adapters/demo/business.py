"""What the simulated company sells, and what its customers and its people say."""

from typing import NamedTuple


class Product(NamedTuple):
    name: str
    price: int
    """In CNY."""


PRODUCTS = {
    "line": (
        Product("CL-10 装配输送线", 1_150_000),
        Product("LC-3015 激光切割机", 632_000),
        Product("FMS-6 柔性加工单元", 2_380_000),
    ),
    "machine": (
        Product("NL-200 数控车床", 286_000),
        Product("VM-850 立式加工中心", 458_000),
        Product("R-20 工业机器人", 198_000),
        Product("LC-3015 激光切割机", 632_000),
    ),
    "part": (
        Product("刀具年度套装", 26_000),
        Product("主轴备件包", 38_000),
        Product("液压密封件套装", 48_000),
        Product("冷却系统滤芯", 9_800),
    ),
}
TITLES = ("采购经理", "设备部部长", "生产总监", "总经理", "技术主管", "工艺工程师", "车间主任")
ROLES = ("决策人", "技术把关", "采购执行", "使用部门")
TAGS = ("重点跟进", "老客户介绍", "价格敏感", "需要现场勘查", "有分期需求")
NEEDS = (
    "计划更新一条产线，要求{next_quarter}投产。",
    "现有设备精度不够，希望先用{product}试加工样件。",
    "新厂房{next_half}交付，需要成套方案。",
    "关注{product}的交货期和售后响应时间。",
    "现有设备使用了{days}年，故障停机多，考虑分批替换。",
    "{month}接到新订单，{next_month}起需要增加{few}个工位。",
)
NEEDS_REASONS = ("拜访后更新需求", "客户来电说明新计划", "技术交流会上提出")
PHONE_REASONS = ("换了新号码，来电告知", "原号码停用，微信上告知新号码")
HANDOVER = "原负责人离职，客户移交"
LOST_TOUCH = "多次联系无回应，确认已改用其他供应商"
PUT_ASIDE = "长期无采购意向，暂不跟进"
BOUGHT, ASKED = "首次成交", "已明确采购意向"

ENQUIRIES = {
    "exhibition": "展会上留下名片，索要{product}的样本和报价",
    "website": "在官网提交了{product}的询价单",
    "referral": "经老客户介绍，来电咨询{product}",
    "phone": "来电咨询{product}的交货期和价格",
    "advertisement": "看到行业杂志广告，询问{product}",
    "partner": "合作集成商推荐，需要{product}的技术方案",
}
EXPENSES = (
    ("差旅：高铁和住宿", 1_460),
    ("样件材料", 2_300),
    ("客户参观接待", 1_880),
    ("技术资料翻译", 900),
)
TASKS = (
    "发送{product}修改后的报价单",
    "整理{product}的备件清单",
    "准备{next_month}的拜访",
    "跟进合同会签进度",
    "确认付款到账情况",
    "安排与{person}的技术交流",
    "向{person}回访{product}使用情况",
    "给{person}寄送{product}的样本和案例",
)
OUTCOMES = ("已完成，客户确认收到。", "已沟通，下周再跟进。", "已办妥。")

COMPETITORS = ("竞争对手报价低 12%，交货期也更短", "已与另一家签约，看重其本地服务网点")
LOSSES = {
    "price": ("超出预算，改买二手设备", "对方坚持降价 15%，未能达成", "嫌备件单价高，改用通用件"),
    "competitor": COMPETITORS,
    "no_budget": ("集团今年冻结设备预算", "贷款没有批下来"),
    "no_decision": ("内部意见不一，项目搁置", "负责人调动，无人拍板"),
    "timing": ("客户决定推迟到明年", "厂房工期延误，暂不采购"),
    "product_gap": ("需要五轴联动，目前型号不满足", "要求的工作台面超出现有规格"),
}
"""Reasons of losses and what is noted of them."""
AMOUNT_REASONS = ("增加备件和培训", "客户减少配置", "按分期付款重新报价")
STRENGTHS = ("客户认可试加工结果", "交货期短于对手", "已有同型号设备在用")
WEAKNESSES = ("报价偏高", "当地没有服务网点", "决策人尚未见面")

DESCRIPTIONS = (
    "影响当天生产，请尽快处理。",
    "不急，本月内安排即可。",
    "班组长来电反映，请先电话联系。",
)
ESCALATIONS = ("超过承诺时间，客户催促", "客户要求主管出面")
SATISFIED = ("客户表示问题已解决，满意。", "设备恢复正常，客户认可。")
DISSATISFIED = ("客户抱怨等待太久。", "客户认为停机损失应由我方承担。")
PRAISE = ("处理及时", "工程师很专业", "")
BLAME = ("等了太久", "来了两次才修好", "")
