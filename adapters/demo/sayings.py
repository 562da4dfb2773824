"""What is said at calls, visits and meetings: parts of which each text is put together.

In braces, what ``talk`` knows of the moment: the product, the person, the months around the day.
"""

from collections.abc import Container
from typing import NamedTuple


class Saying(NamedTuple):
    """One thing to talk about; its text is an opening and a closing."""

    channel: str
    subject: str
    openings: tuple[str, ...]
    closings: tuple[str, ...]
    months: Container[int] = range(1, 13)
    """When it can be said."""
    is_yearly: bool = False
    """Whether it is said once a year at most."""


_REPLIED = (
    "已当场答复，客户没有其他问题。",
    "答应{days}天内书面回复。",
    "已转{colleague}，请其直接联系{person}。",
    "约定{next_month}再通一次电话。",
)
_SENT = (
    "已发邮件，{person}确认收到。",
    "当天寄出，快递单号已告知。",
    "当天已由同事办妥。",
)
_PLANS = (
    "可能追加{product}，先按{few}套估算预算。",
    "暂不增加设备，以维护现有设备为主。",
    "是否采购要等{next_quarter}订单落实后再定。",
    "希望我们提前准备报价，预算约在{next_month}批下来。",
)

_CHATS = (
    Saying(
        "call",
        "询问交货进度",
        ("{person}询问{product}的发货时间。", "车间催问{product}何时能到。"),
        ("答复预计{days}天内发出。", "生产部确认按合同日期发货。", *_REPLIED),
    ),
    Saying(
        "message",
        "索要发票",
        ("{person}要{product}的增值税发票。", "财务需要{month}到货的发票复印件。"),
        _SENT,
    ),
    Saying(
        "call",
        "通报生产情况",
        (
            "{person}说{month}订单比上月增加约{percent}%，{next_quarter}产量要上调。",
            "{person}说{season}订单平稳，设备每天开两班。",
            "{person}说{month}接了外贸订单，交期很紧。",
        ),
        _PLANS,
    ),
    Saying(
        "call",
        "询问新品",
        ("{person}在行业媒体上看到新型号，", "{person}听同行说有新型号，"),
        ("问何时能看样机。", "想知道与{product}能否配套。", "要一份{next_quarter}的价格。"),
    ),
    Saying(
        "email",
        "更新开票信息",
        ("对方来函更新开户行和账号。", "对方来函更换收货联系人，由{person}签收。"),
        ("{month}起按新信息执行。", "已转财务部更新档案。", "已与{person}电话核实。"),
    ),
)
CHATS_OF_MACHINES = (
    *_CHATS,
    Saying(
        "call",
        "咨询参数设置",
        ("操作工换班后对{product}的参数不熟悉，", "换加工材料后{product}的参数需要调整，"),
        ("电话里指导完成。", "按手册第{few}章逐项核对后正常。", "已约应用工程师远程指导。"),
    ),
    Saying(
        "message",
        "询问保养周期",
        ("{person}问{product}多久保养一次，", "{product}累计运行已超过{few}千小时，"),
        ("建议每五百小时保养一次，清单已发。", "建议{next_month}停机做一次全面保养。"),
    ),
    Saying(
        "email",
        "索要资料",
        ("需要{product}的合格证和铭牌照片，", "需要{product}的电气图纸和备件清单，"),
        _SENT,
    ),
)
CHATS_OF_PARTS = (
    *_CHATS,
    Saying(
        "call",
        "咨询适用机型",
        ("{person}问{product}能否用在另一台老机床上，", "换了机型，{person}核对{product}的规格，"),
        ("核对后可以通用。", "尺寸不同，已推荐替代型号。", "请对方拍铭牌照片后再答复。"),
    ),
    Saying(
        "message",
        "询问库存",
        ("{person}问{product}有没有现货，", "{person}想提前备{few}套{product}，"),
        ("仓库有货，当天可发。", "答复{days}天到货。", "已请仓库预留。"),
    ),
)
"""What customers get in touch about."""

FIRST_CARES = (
    Saying(
        "email",
        "发送新品资料",
        ("发送{quarter}新款样本和促销政策，", "发送{product}配套选件的样本，"),
        ("{person}回复会转给工艺部门。", "{person}表示有需要再联系。", "对方要求补充价格表。"),
    ),
)
_CARES = (
    *FIRST_CARES,
    Saying(
        "visit",
        "了解采购计划",
        ("拜访{person}，了解{next_quarter}的产能计划，", "与{person}谈{next_quarter}的安排，"),
        _PLANS,
    ),
    Saying(
        "call",
        "例行电话回访",
        ("{person}说{product}用得顺手，", "{person}对{season}以来的供货基本满意，"),
        ("暂无新的采购计划。", "提醒对方{next_month}备好易损件。", *_PLANS),
    ),
    Saying(
        "call",
        "核对往来账目",
        ("与{person}核对{month}前的往来账，", "与对方财务核对{quarter}的应付款，"),
        ("双方无差异。", "差一张发票，已补寄。", "余款约定{days}天内付清。"),
    ),
    Saying(
        "message",
        "新年问候",
        ("给{person}拜年，", "新年问候{person}，"),
        ("顺便确认联系人没有变化。", "对方说{next_month}复工后再谈新计划。"),
        (1,),
        True,
    ),
    Saying(
        "message",
        "劳动节前问候",
        ("节前问候{person}，", "通知{person}节日值班安排，"),
        ("顺便确认联系人没有变化。", "对方说假期不停产。"),
        (4,),
        True,
    ),
    Saying(
        "message",
        "国庆节前问候",
        ("节前问候{person}，", "通知{person}长假值班电话，"),
        ("对方说假期安排检修。", "对方说假期照常生产。"),
        (9,),
        True,
    ),
    Saying(
        "meeting",
        "年中服务回顾",
        ("与{person}回顾{year}年上半年的供货和服务，", "与设备部门过了一遍上半年的报修记录，"),
        ("双方商定下半年每季度巡检一次。", "对方希望到场时间再缩短。", "对方整体满意。"),
        (6, 7),
        True,
    ),
    Saying(
        "meeting",
        "年度合作座谈",
        ("与{person}等回顾了{year}年的供货和服务情况，", "双方总结{year}年的合作，"),
        ("客户提出备件提前期要缩短。", "谈了明年的框架协议。", "客户希望明年价格不变。"),
        (11, 12),
        True,
    ),
)
CARES_OF_MACHINES = (
    *_CARES,
    Saying(
        "visit",
        "上门回访",
        ("检查了{product}的导轨润滑，", "看了{product}的运行记录，", "听操作工谈{product}的使用，"),
        ("提醒更换滤芯。", "温升和振动正常。", "建议{next_month}做一次精度检测。", *_PLANS),
    ),
    Saying(
        "call",
        "提醒换季保养",
        ("{season}气温变化大，提醒{person}检查冷却和润滑，", "提醒{person}{product}到保养时间，"),
        ("对方说本周安排。", "对方请我们派人指导。", "保养清单已发。"),
        (3, 6, 9, 12),
        True,
    ),
)
CARES_OF_PARTS = (
    *_CARES,
    Saying(
        "visit",
        "上门盘点备件",
        ("与库管一起盘点{product}，", "看了{product}的更换记录，"),
        ("库存只够用{few}周。", "库存充足，暂不补货。", "建议设最低库存{few}套。"),
    ),
)
"""What sellers get in touch about."""

UNANSWERED = (
    Saying(
        "call",
        "电话回访",
        ("{person}电话无人接听，", "拨打{person}手机无人应答，", "总机转{person}，无人接听，"),
        ("短信未回复。", "已留言请对方回电。", "改发微信，{days}天内再试。"),
    ),
)
COLD = (
    Saying(
        "call",
        "电话跟进",
        ("{person}表示{quarter}没有{product}的预算，", "{person}说采购{product}的事暂时搁置，"),
        ("有计划再联系。", "要等{next_quarter}再看。", "请我们{next_month}再打。"),
    ),
    Saying(
        "message",
        "询问近况",
        ("问{person}是否还考虑{product}，", "给{person}发了{product}的用户案例，"),
        ("对方说暂不考虑。", "对方回复收到，未多说。", "对方说领导还没有表态。"),
    ),
)
